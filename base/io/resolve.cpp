#include <netdb.h>

#include <algorithm>

#include "base/io/socket_address.h"
#include "base/io/stream.h"
#include "base/io/worker_pool.h"

namespace sallyport::io {
namespace {

constexpr int kThreads = 2;
constexpr std::size_t kMaxWaiting = 256;
constexpr std::size_t kMaxAddresses = 32;

struct FreeAddresses {
  void operator()(addrinfo* list) const { freeaddrinfo(list); }
};

// Lives until exit: a look-up that hangs must not hang whoever asked.
WorkerPool& resolver_pool() {
  static WorkerPool pool("resolve", kThreads, kMaxWaiting);
  return pool;
}

void append(std::vector<IpAddress>& addresses, const addrinfo& entry) {
  SocketAddress address;
  address.length = std::min<socklen_t>(entry.ai_addrlen, sizeof address.storage);
  std::copy_n(reinterpret_cast<const char*>(entry.ai_addr), address.length,
              reinterpret_cast<char*>(&address.storage));
  const IpAddress found = from_socket_address(address).address;
  if (std::ranges::find(addresses, found) == addresses.end()) addresses.push_back(found);
}

Result<> look_up(const std::string& host, std::vector<IpAddress>& addresses) {
  addrinfo hints{};
  hints.ai_socktype = SOCK_STREAM;
  hints.ai_flags = AI_ADDRCONFIG;
  addrinfo* list = nullptr;
  const int code = getaddrinfo(host.c_str(), nullptr, &hints, &list);
  if (code != 0) return fail(Errc::unreachable, host + ": " + gai_strerror(code));
  const std::unique_ptr<addrinfo, FreeAddresses> owner(list);
  for (; list != nullptr && addresses.size() < kMaxAddresses; list = list->ai_next) {
    append(addresses, *list);
  }
  return {};
}

}  // namespace

Task<Result<std::vector<IpAddress>>> resolve(std::string host, TimePoint deadline) {
  if (const auto literal = IpAddress::parse(host)) co_return std::vector{*literal};
  const auto addresses = std::make_shared<std::vector<IpAddress>>();
  auto found =
      co_await resolver_pool().run([host, addresses] { return look_up(host, *addresses); }, deadline);
  if (!found) co_return std::move(found.error());
  co_return std::move(*addresses);
}

}  // namespace sallyport::io
