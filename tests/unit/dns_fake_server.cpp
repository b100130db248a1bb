#include "dns_fake_server.h"

#include <doctest/doctest.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>

#include <array>
#include <utility>

#include "base/io/socket_address.h"

namespace sallyport::dns::testing {
namespace {

using std::chrono_literals::operator""s;

constexpr std::size_t kHeader = 12;
const std::string kNameOfQuestion = "\xc0\x0c";

std::string number16(std::size_t value) {
  return {static_cast<char>(value >> 8U), static_cast<char>(value & 255U)};
}

std::string question_of(const std::string& message) {
  std::size_t end = kHeader;
  while (message.at(end) != 0) end += 1 + static_cast<unsigned char>(message.at(end));
  return message.substr(kHeader, end + 5 - kHeader);
}

std::string head(const std::string& query, unsigned rcode, bool truncated, unsigned answers) {
  const char flags = static_cast<char>(truncated ? 0x83 : 0x81);
  return query.substr(0, 2) + flags + static_cast<char>(0x80 | rcode) + number16(1) + number16(answers) +
         number16(0) + number16(0) + question_of(query);
}

std::string record(Type type, const std::string& data) {
  return kNameOfQuestion + number16(static_cast<std::size_t>(type)) + number16(1) + number16(0) +
         number16(300) + number16(data.size()) + data;
}

io::Descriptor bound(int type, const Endpoint& endpoint) {
  const auto address = io::to_socket_address(endpoint);
  io::Descriptor socket(::socket(address.family(), type | SOCK_CLOEXEC, 0));
  const int on = 1;
  setsockopt(socket.get(), SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
  return ::bind(socket.get(), address.get(), address.length) == 0 ? std::move(socket) : io::Descriptor();
}

}  // namespace

std::string Query::answer(unsigned rcode, const std::string& address, bool truncated) const {
  const std::string start = head(message_, rcode, truncated, address.empty() ? 0 : 1);
  return address.empty() ? start : start + record(Type::a, address);
}

std::string Query::of_type(Type type, const std::string& data) const {
  return head(message_, 0, false, 1) + record(type, data);
}

void Query::send(const std::string& message) const {
  send_raw(over_tcp() ? number16(message.size()) + message : message);
}

void Query::send_raw(const std::string& octets) const {
  if (over_tcp())
    ::send(tcp_, octets.data(), octets.size(), MSG_NOSIGNAL);
  else
    ::sendto(udp_, octets.data(), octets.size(), 0, client_.get(), client_.length);
}

void Query::send_from_elsewhere(const std::string& message) const {
  const io::Descriptor other = bound(SOCK_DGRAM, {io::local_endpoint(udp_).address, 0});
  ::sendto(other.get(), message.data(), message.size(), 0, client_.get(), client_.length);
}

bool FakeServer::can_be_at(const IpAddress& address) {
  return static_cast<bool>(bound(SOCK_DGRAM, {address, 0}));
}

FakeServer::FakeServer(Rule rule, const IpAddress& address)
    : rule_(std::move(rule)), stop_(eventfd(0, EFD_CLOEXEC)) {
  // The same port for both; another's listener may have one of them.
  for (int tries = 0; tries < 100 && !tcp_; ++tries) {
    udp_ = bound(SOCK_DGRAM, {address, 0});
    endpoint_ = io::local_endpoint(udp_.get());
    tcp_ = bound(SOCK_STREAM, endpoint_);
  }
  REQUIRE(tcp_);
  REQUIRE(::listen(tcp_.get(), 10) == 0);
  thread_ = std::thread([this] { serve(); });
}

FakeServer::~FakeServer() {
  const std::uint64_t one = 1;
  [[maybe_unused]] const auto written = ::write(stop_.get(), &one, sizeof one);
  thread_.join();
}

void FakeServer::serve() {
  for (;;) {
    std::vector<pollfd> waiting = {
        {stop_.get(), POLLIN, 0}, {udp_.get(), POLLIN, 0}, {tcp_.get(), POLLIN, 0}};
    for (const io::Descriptor& connection : connections_) waiting.push_back({connection.get(), POLLIN, 0});
    if (::poll(waiting.data(), waiting.size(), -1) < 0) continue;
    if (waiting[0].revents) return;
    if (waiting[1].revents) take_datagram();
    for (std::size_t place = waiting.size() - 1; place >= 3; --place)
      if (waiting[place].revents && !take_stream(waiting[place].fd))
        connections_.erase(connections_.begin() + static_cast<std::ptrdiff_t>(place) - 3);
    if (waiting[2].revents) take_connection();
  }
}

void FakeServer::take_datagram() {
  Query query;
  query.udp_ = udp_.get();
  std::array<char, 4096> buffer;
  const auto size =
      ::recvfrom(udp_.get(), buffer.data(), buffer.size(), 0, query.client_.get(), &query.client_.length);
  if (size < static_cast<ssize_t>(kHeader)) return;
  query.message_.assign(buffer.data(), static_cast<std::size_t>(size));
  take(std::move(query));
}

void FakeServer::take_connection() {
  connections_.emplace_back(::accept4(tcp_.get(), nullptr, nullptr, SOCK_CLOEXEC));
}

bool FakeServer::take_stream(int connection) {
  std::array<unsigned char, 2> length;
  if (::recv(connection, length.data(), 2, MSG_WAITALL) != 2) return false;
  Query query;
  query.tcp_ = connection;
  query.message_.resize(length[0] * 256U + length[1]);
  const auto got = ::recv(connection, query.message_.data(), query.message_.size(), MSG_WAITALL);
  if (got != static_cast<ssize_t>(query.message_.size())) return false;
  ++over_tcp_;
  take(std::move(query));
  return true;
}

void FakeServer::take(Query query) {
  ++queries_;
  {
    const std::lock_guard lock(mutex_);
    if (holding_) {
      held_.push_back(std::move(query));
      came_.notify_all();
      return;
    }
  }
  rule_(query);
}

void FakeServer::hold() {
  const std::lock_guard lock(mutex_);
  holding_ = true;
}

void FakeServer::release() {
  std::vector<Query> held;
  {
    const std::lock_guard lock(mutex_);
    holding_ = false;
    held.swap(held_);
  }
  for (const Query& query : held) rule_(query);
}

std::vector<Query> FakeServer::await_held(std::size_t count) {
  std::unique_lock lock(mutex_);
  REQUIRE(came_.wait_for(lock, 30s, [&] { return held_.size() >= count; }));
  return held_;
}

void answer_address(const Query& query) { query.send(query.answer(0, std::string("\xc0\x00\x02\x01", 4))); }
void fail_with_servfail(const Query& query) { query.send(query.answer(2)); }
void be_silent(const Query&) {}

}  // namespace sallyport::dns::testing
