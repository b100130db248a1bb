#pragma once
// One session of the benchmark's load: a client that speaks SMTP in turn, without a pause, over a
// non-blocking socket. Single-threaded; a session lives as long as its Shared. What it is told to say is
// made once for all sessions, but for callers.

#include <openssl/ssl.h>

#include <chrono>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace sallyport::bench {

using Clock = std::chrono::steady_clock;

struct Plan {
  std::uint16_t port = 25;
  unsigned sessions = 20;
  unsigned messages = 1000;
  unsigned size = 4096;   // octets of a message
  bool keep = false;      // many messages a session
  bool starttls = false;  // a full handshake each
  bool hold = false;      // no message: sessions that stay after EHLO
  unsigned callers = 0;   // so many clients take turns, each named in a PROXY header, by HELO and sender
  unsigned first_caller = 0;
  bool until_rcpt = false;  // no message: sessions end with the answer to RCPT, and that is what is timed
};

// What all sessions have in common.
struct Shared {
  Plan plan;
  int epoll = -1;
  SSL_CTX* tls = nullptr;
  std::string ehlo, mail, rcpt, content;
  unsigned begun = 0;            // messages
  unsigned done = 0;             // messages answered 250
  unsigned failed = 0;           // sessions that ended otherwise than they should
  unsigned held = 0;             // sessions that sit idle
  unsigned pending = 0;          // sessions that are not greeted yet
  std::string error;             // the first
  std::vector<float> latencies;  // milliseconds from connect, on a kept session from MAIL, to the final 250
};

class Client {
 public:
  Client(Shared& shared, unsigned number) : shared_(shared), number_(number) {}
  Client(const Client&) = delete;
  Client& operator=(const Client&) = delete;
  ~Client() { close(); }

  void connect();
  void on_ready(std::uint32_t events);
  bool open() const { return socket_ >= 0; }

 private:
  enum class Step { connect, greeting, ehlo, starttls, handshake, mail, rcpt, data, content, quit, held };

  void on_connected();
  void on_handshake();
  void on_input();
  void on_reply(int code);
  void on_delivered();
  void begin_message();
  void introduce();
  void say(std::string_view text, Step next);
  void write();
  long read_some(char* into, std::size_t size);
  void await(std::uint32_t events);
  void fail(const std::string& why);
  void close();

  Shared& shared_;
  unsigned number_;
  int socket_ = -1;
  SSL* tls_ = nullptr;
  Step step_ = Step::connect;
  std::uint32_t awaited_ = 0;
  std::string input_;
  std::string proxy_, ehlo_, mail_;  // its own words, if it is a caller
  std::string_view output_;          // of Shared, of ours, or a literal
  Clock::time_point began_;
};

}  // namespace sallyport::bench
