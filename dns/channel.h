// The way to one server from one core: a c-ares channel on the core's event loop. For dns/ alone.
//
// One server a channel, so that we choose who is asked next and know what each has said: c-ares would
// forget a SERVFAIL, and begin with a dead first server every time. UDP; TCP where the answer was truncated
// or answers were forged, by a channel of its own: a broken connection ends all questions of its channel.
// Only an answer from the server's address (the sockets are connected) with our id and our question counts:
// see datagrams.h. The socket lives while questions are in flight, so that the source port changes.
//
// On the executor's thread only. Whoever sends holds the channel until the reply is there.
#pragma once

#include <ares.h>

#include <boost/asio/posix/basic_stream_descriptor.hpp>
#include <boost/asio/steady_timer.hpp>
#include <memory>
#include <string>
#include <unordered_map>

#include "base/io/task.h"
#include "base/ip_address.h"
#include "base/result.h"
#include "dns/answer.h"
#include "dns/datagrams.h"

namespace sallyport::dns {

struct Try {
  Question question;
  std::uint16_t id = 0;
  bool edns = true;
};

// The octets of an answer, or why there are none: timeout, refused (nobody listens, the connection broke).
struct Reply {
  Status status = Status::timeout;
  std::string message;  // if found
  bool forged = false;  // too many answers by UDP had a wrong id; this is TCP's
};

class Channel : public std::enable_shared_from_this<Channel> {
  struct Private {};

 public:
  enum class By : std::uint8_t { udp, tcp };
  static Result<std::shared_ptr<Channel>> open(const io::Executor& executor, const Endpoint& server,
                                               Duration timeout, By by = By::udp);
  Channel(Private, const io::Executor& executor, const Endpoint& server, Duration timeout, By by);
  ~Channel();
  Channel(const Channel&) = delete;
  Channel& operator=(const Channel&) = delete;

  // At most `timeout` over UDP, and once more over TCP.
  io::Task<Reply> send(Try once);

  int in_flight() const { return in_flight_; }

  void abandon();  // whoever waits hears `timeout`

 private:
  struct Watch;  // of one socket, which c-ares owns
  struct Pending;

  Result<> start();
  io::Task<Reply> send_by_tcp(Try once, bool forged);
  void on_socket(ares_socket_t socket, bool readable, bool writable);
  void await(const std::shared_ptr<Watch>& watch, ares_socket_t socket, bool writing);
  void process(ares_socket_t readable, ares_socket_t writable);
  void arm();

  io::Executor executor_;
  Endpoint server_;
  Duration timeout_;
  By by_;
  bool abandoned_ = false;
  int in_flight_ = 0;
  std::shared_ptr<Channel> stream_;  // by TCP, once it is needed
  Datagrams datagrams_;
  boost::asio::steady_timer::rebind_executor<io::Executor>::other timer_;
  bool armed_ = false;
  std::unordered_map<ares_socket_t, std::shared_ptr<Watch>> watches_;
  ares_channel channel_ = nullptr;
};

}  // namespace sallyport::dns
