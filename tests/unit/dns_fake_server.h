// A DNS server for tests, on a loopback port of its own over UDP and TCP, on its own thread. What it does
// with a query is its rule's affair; no rule waits.
#pragma once

#include <atomic>
#include <condition_variable>
#include <functional>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "base/io/descriptor.h"
#include "base/io/socket_address.h"
#include "base/ip_address.h"
#include "dns/question.h"

namespace sallyport::dns::testing {

class FakeServer;

// One query, and how to answer it. A copy may be kept and answered later, from any thread.
class Query {
 public:
  // No address: no data.
  std::string answer(unsigned rcode, const std::string& address = {}, bool truncated = false) const;
  std::string of_type(Type type, const std::string& data) const;  // one record of `data`

  void send(const std::string& message) const;
  void send_raw(const std::string& octets) const;              // TCP: without the length
  void send_from_elsewhere(const std::string& message) const;  // UDP: from another port

  bool over_tcp() const { return tcp_ >= 0; }
  Endpoint client() const { return io::from_socket_address(client_); }  // UDP
  const std::string& message() const { return message_; }

 private:
  friend FakeServer;
  std::string message_;
  int udp_ = -1;
  int tcp_ = -1;
  io::SocketAddress client_;
};

class FakeServer {
 public:
  using Rule = std::function<void(const Query&)>;

  static bool can_be_at(const IpAddress& address);
  explicit FakeServer(Rule rule, const IpAddress& address = IpAddress::v4(0x7f000001));
  ~FakeServer();
  FakeServer(const FakeServer&) = delete;
  FakeServer& operator=(const FakeServer&) = delete;

  Endpoint endpoint() const { return endpoint_; }
  int queries() const { return queries_; }
  int over_tcp() const { return over_tcp_; }

  // Keeps queries instead of following the rule, and follows it for the kept ones.
  void hold();
  void release();
  std::vector<Query> await_held(std::size_t count);  // blocks; fails the test if they never come

 private:
  void serve();
  void take(Query query);
  void take_datagram();
  void take_connection();
  bool take_stream(int connection);

  Rule rule_;
  io::Descriptor udp_, tcp_, stop_;
  Endpoint endpoint_;
  std::vector<io::Descriptor> connections_;
  std::atomic<int> queries_ = 0, over_tcp_ = 0;
  std::mutex mutex_;
  std::condition_variable came_;
  bool holding_ = false;
  std::vector<Query> held_;
  std::thread thread_;
};

// The usual rules.
void answer_address(const Query& query);  // 192.0.2.1
void fail_with_servfail(const Query& query);
void be_silent(const Query& query);

}  // namespace sallyport::dns::testing
