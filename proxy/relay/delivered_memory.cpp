#include "proxy/relay/delivered_memory.h"

#include "base/mail/digest.h"

namespace sallyport::relay {
namespace {

constexpr const char* kKind = "delivered";

// Local parts as written: whether Anna and anna are one mailbox is the next hop's to say (RFC 5321 2.4).
std::string exact(const mail::Path& path) { return "<" + path.local + "@" + path.domain_ascii + ">"; }

std::string pair_key(const mail::Path& sender, const mail::Path& recipient) {
  return exact(sender) + " " + exact(recipient);
}

}  // namespace

io::Task<Result<std::string>> digest_of(store::MessageBuffer& content) {
  mail::MessageDigest digest;
  for (std::uint64_t offset = 0; offset < content.size();) {
    auto piece = co_await content.piece(offset);
    if (!piece) co_return piece.error();
    digest.feed(*piece);
    offset += piece->size();
  }
  co_return digest.finish();
}

bool DeliveredMemory::may_know(const mail::Path& sender, const mail::Path& recipient) const {
  return state_.get(kKind, pair_key(sender, recipient)).has_value();
}

bool DeliveredMemory::knows(const mail::Path& sender, const mail::Path& recipient,
                            const std::string& digest) const {
  return state_.get(kKind, pair_key(sender, recipient) + " " + digest).has_value();
}

void DeliveredMemory::forget(const mail::Path& sender, const mail::Path& recipient,
                             const std::string& digest) {
  state_.erase(kKind, pair_key(sender, recipient) + " " + digest);
}

io::Task<Result<>> DeliveredMemory::remember(const mail::Path& sender,
                                             const std::vector<mail::Path>& recipients,
                                             const std::string& digest, Duration kept) {
  const auto expires = state_.now() + kept;
  std::string last;
  for (const auto& recipient : recipients) {
    const auto pair = pair_key(sender, recipient);
    state_.put(kKind, pair, "", expires);
    last = pair + " " + digest;
    state_.put(kKind, last, "", expires);
  }
  if (last.empty()) co_return Result<void>{};
  // Records reach the disk in the order in which they were put: the last one speaks for all.
  co_return co_await state_.put_durable(kKind, last, "", expires);
}

}  // namespace sallyport::relay
