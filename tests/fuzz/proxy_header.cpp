// The PROXY header: nothing is taken beyond it, and what it says reads the same when written again.
#include "proxy/proxy_header.h"

#include <tuple>

#include "tests/fuzz/promise.h"
#include "tests/fuzz/targets.h"

namespace sallyport::fuzz {
namespace {

using proxy::ProxyHeader;

class Parsing {
 public:
  void feed(std::string_view piece) {
    if (state_ == ProxyHeader::State::more) state_ = header_.feed(piece);
    promise(state_ != ProxyHeader::State::more || piece.empty(), "more is wanted only when all is used up");
    rest_ += piece;
  }
  auto result() const {
    const bool done = state_ == ProxyHeader::State::done;
    // A broken header ends the connection: how much of it was looked at does not matter.
    return std::tuple(state_, done ? rest_ : std::string(), done && header_.has_client(),
                      done ? header_.client() : Endpoint{}, done ? header_.destination() : Endpoint{});
  }

 private:
  ProxyHeader header_;
  ProxyHeader::State state_ = ProxyHeader::State::more;
  std::string rest_;
};

std::string version1(const Endpoint& client, const Endpoint& destination, bool four) {
  return std::string("PROXY ") + (four ? "TCP4 " : "TCP6 ") + client.address.to_string() + ' ' +
         destination.address.to_string() + ' ' + std::to_string(client.port) + ' ' +
         std::to_string(destination.port) + "\r\n";
}

// Whoever reads no more than is missing takes nothing of the handshake behind the header.
void check_exact(std::string_view bytes, std::size_t length) {
  ProxyHeader header;
  std::size_t at = 0;
  auto state = ProxyHeader::State::more;
  while (state == ProxyHeader::State::more && at < bytes.size()) {
    const std::size_t want = header.missing();
    promise(want > 0, "something is missing until it is done");
    std::string_view piece = bytes.substr(at, want);
    at += piece.size();
    state = header.feed(piece);
  }
  promise(state == ProxyHeader::State::done && at == length,
          "reading what is missing takes the header alone");
}

void check_again(const Endpoint& client, const Endpoint& destination) {
  const bool four = client.address.is_v4();
  if (four != destination.address.is_v4()) return;
  ProxyHeader header;
  const std::string line = version1(client, destination, four);
  std::string_view rest = line;
  promise(header.feed(rest) == ProxyHeader::State::done && rest.empty() && header.has_client(),
          "it can be written as version 1");
  promise(header.client() == client && header.destination() == destination, "it says the same");
}

}  // namespace

void proxy_header(std::string_view input) {
  const std::string bytes = spell(input, proxy_header_letters());
  const auto [state, rest, has_client, client, destination] =
      same_however_cut(bytes, [] { return Parsing(); });
  if (state != ProxyHeader::State::done) return;
  const std::size_t length = bytes.size() - rest.size();
  promise(length <= ProxyHeader::kMostOctets, "a header is bounded");
  check_exact(bytes, length);
  if (has_client) check_again(client, destination);
}

}  // namespace sallyport::fuzz
