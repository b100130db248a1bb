// The way to one server from one core: a c-ares channel on the core's event loop. For dns/ alone.
//
// One server a channel, so that we choose who is asked next and know what each has said: c-ares would
// forget a SERVFAIL, and begin with a dead first server every time. UDP or TCP: a broken connection ends
// all questions of its channel, so that those by TCP have one of their own. Only an answer from the
// server's address (the sockets are connected) with our id and our question counts: see datagrams.h. The
// socket lives while questions are in flight, so that the source port changes.
//
// On the executor's thread only. What is in flight holds its channel, and the channel holds it: before the
// loop is destroyed, abandon() must have ended it.
#pragma once

#include <ares.h>

#include <boost/asio/posix/basic_stream_descriptor.hpp>
#include <boost/asio/steady_timer.hpp>
#include <memory>
#include <string_view>
#include <unordered_map>

#include "base/io/task.h"
#include "base/ip_address.h"
#include "base/result.h"
#include "dns/answer.h"
#include "dns/datagrams.h"

namespace sallyport::dns {

class Channel : public std::enable_shared_from_this<Channel> {
  struct Private {};

 public:
  enum class By : std::uint8_t { udp, tcp };

  // What is sent, and its reply: the octets of an answer, or why there are none (timeout;
  // unreachable). One at a time.
  class Sending : public Datagrams::Awaited, public std::enable_shared_from_this<Sending> {
   public:
    Sending() = default;
    virtual ~Sending() = default;
    Sending(const Sending&) = delete;
    Sending& operator=(const Sending&) = delete;

    Status status = Status::timeout;

   private:
    friend Channel;
    // From the loop, never inside send(); memory is needed there.
    virtual void replied(const Channel& over) = 0;

    std::shared_ptr<Sending> self_;  // while c-ares has us
    std::shared_ptr<Channel> over_;
  };

  static Result<std::shared_ptr<Channel>> open(const io::Executor& executor, const Endpoint& server,
                                               Duration timeout, By by = By::udp);
  Channel(Private, const io::Executor& executor, const Endpoint& server, Duration timeout, By by);
  ~Channel();
  Channel(const Channel&) = delete;
  Channel& operator=(const Channel&) = delete;

  void send(Sending& sending);  // its reply is there after `timeout` at most
  int in_flight() const { return in_flight_; }

  void abandon();  // whoever waits hears `timeout`

 private:
  struct Watch;  // of one socket, which c-ares owns

  Result<> start();
  void end(Sending& sending, int status, std::string_view message);
  static void deliver(Sending& sending);
  void on_socket(ares_socket_t socket, bool readable, bool writable);
  void await(const std::shared_ptr<Watch>& watch, ares_socket_t socket, bool writing);
  void process(ares_socket_t readable, ares_socket_t writable);
  void arm();

  io::Executor executor_;
  Endpoint server_;
  Duration timeout_;
  By by_;
  int in_flight_ = 0;
  Datagrams datagrams_;
  boost::asio::steady_timer::rebind_executor<io::Executor>::other timer_;
  bool armed_ = false;
  std::unordered_map<ares_socket_t, std::shared_ptr<Watch>> watches_;
  ares_channel channel_ = nullptr;
};

}  // namespace sallyport::dns
