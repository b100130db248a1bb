#include "tests/bench/client.h"

#include <arpa/inet.h>
#include <fmt/format.h>
#include <netinet/tcp.h>
#include <openssl/err.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

namespace sallyport::bench {
namespace {

// A hundred sessions share a /24, each with an address of its own: the limits of a shipped gateway stay in
// force.
sockaddr_in source_address(unsigned session) {
  unsigned network = session / 100, host = 1 + session % 100;
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(127U << 24 | (16 + network / 200) << 16 | network % 200 << 8 | host);
  return address;
}

bool would_block() { return errno == EAGAIN || errno == EWOULDBLOCK; }

// The code of a whole reply, 0 while there is only a part of it.
int reply_code(std::string_view input) {
  if (input.empty() || input.back() != '\n') return 0;
  std::size_t before = input.size() > 1 ? input.rfind('\n', input.size() - 2) : std::string_view::npos;
  std::string_view last = input.substr(before == std::string_view::npos ? 0 : before + 1);
  if (last.size() < 4 || last[3] == '-') return 0;
  return (last[0] - '0') * 100 + (last[1] - '0') * 10 + (last[2] - '0');
}

}  // namespace

void Client::connect() {
  began_ = Clock::now();
  step_ = Step::connect;
  input_.clear();
  output_ = {};
  awaited_ = 0;
  introduce();
  socket_ = ::socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  if (socket_ < 0) return fail("socket");
  ++shared_.pending;
  int yes = 1;
  setsockopt(socket_, IPPROTO_TCP, TCP_NODELAY, &yes, sizeof yes);
  setsockopt(socket_, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, &yes, sizeof yes);
  sockaddr_in source = source_address(number_), target{};
  target.sin_family = AF_INET;
  target.sin_port = htons(shared_.plan.port);
  target.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  if (bind(socket_, reinterpret_cast<sockaddr*>(&source), sizeof source) != 0) return fail("bind");
  if (::connect(socket_, reinterpret_cast<sockaddr*>(&target), sizeof target) != 0 && errno != EINPROGRESS)
    return fail("connect");
  await(EPOLLOUT);
}

// A caller's address is public, and alone in its /24; dns.py knows the same names.
void Client::introduce() {
  const Plan& plan = shared_.plan;
  ehlo_ = shared_.ehlo;
  mail_ = shared_.mail;
  if (plan.callers == 0) return;
  const unsigned caller = plan.first_caller + (shared_.begun - 1) % plan.callers;
  proxy_ = fmt::format("PROXY TCP4 20.{}.{}.1 127.0.0.1 40000 25\r\n", caller / 250, caller % 250);
  ehlo_ = fmt::format("EHLO mx.c{}.test\r\n", caller);
  mail_ = fmt::format("MAIL FROM:<sender@d{}.test>\r\n", caller);
}

void Client::on_ready(std::uint32_t events) {
  if (step_ == Step::connect) return on_connected();
  if (step_ == Step::handshake) return on_handshake();
  if ((events & EPOLLOUT) != 0 && !output_.empty()) write();
  if (socket_ >= 0 && (events & (EPOLLIN | EPOLLHUP | EPOLLERR)) != 0) on_input();
}

void Client::on_connected() {
  int error = 0;
  socklen_t size = sizeof error;
  getsockopt(socket_, SOL_SOCKET, SO_ERROR, &error, &size);
  errno = error;
  if (error != 0) return fail("connect");
  say(proxy_, Step::greeting);
}

void Client::on_handshake() {
  int result = SSL_do_handshake(tls_);
  if (result == 1) return say(ehlo_, Step::ehlo);
  int error = SSL_get_error(tls_, result);
  if (error != SSL_ERROR_WANT_READ && error != SSL_ERROR_WANT_WRITE) return fail("handshake");
  await(error == SSL_ERROR_WANT_READ ? EPOLLIN : EPOLLOUT);
}

void Client::on_input() {
  char buffer[4096];
  long size = read_some(buffer, sizeof buffer);
  if (size < 0) return;
  if (size == 0) return step_ == Step::quit ? close() : fail("closed");
  input_.append(buffer, static_cast<std::size_t>(size));
  if (int code = reply_code(input_)) on_reply(code);
}

void Client::on_reply(int code) {
  if (code / 100 != (step_ == Step::data ? 3 : 2)) return fail("refused: " + input_);
  input_.clear();
  switch (step_) {
    case Step::greeting:
      --shared_.pending;
      return say(ehlo_, Step::ehlo);
    case Step::ehlo:
      if (shared_.plan.starttls && tls_ == nullptr) return say("STARTTLS\r\n", Step::starttls);
      if (!shared_.plan.hold) return begin_message();
      ++shared_.held;
      step_ = Step::held;
      return;
    case Step::starttls:
      tls_ = SSL_new(shared_.tls);
      SSL_set_fd(tls_, socket_);
      SSL_set_connect_state(tls_);
      step_ = Step::handshake;
      return on_handshake();
    case Step::mail:
      return say(shared_.rcpt, Step::rcpt);
    case Step::rcpt:
      if (shared_.plan.until_rcpt) return on_delivered();
      return say("DATA\r\n", Step::data);
    case Step::data:
      return say(shared_.content, Step::content);
    case Step::content:
      return on_delivered();
    case Step::quit:
      return close();
    default:
      return fail("a reply to nothing");
  }
}

void Client::on_delivered() {
  ++shared_.done;
  shared_.latencies.push_back(std::chrono::duration<float, std::milli>(Clock::now() - began_).count());
  if (!shared_.plan.keep || shared_.begun == shared_.plan.messages) return say("QUIT\r\n", Step::quit);
  ++shared_.begun;
  began_ = Clock::now();
  begin_message();
}

void Client::begin_message() { say(mail_, Step::mail); }

void Client::say(std::string_view text, Step next) {
  step_ = next;
  output_ = text;
  write();
}

void Client::write() {
  while (!output_.empty()) {
    long sent = tls_ != nullptr ? SSL_write(tls_, output_.data(), static_cast<int>(output_.size()))
                                : send(socket_, output_.data(), output_.size(), MSG_NOSIGNAL);
    if (sent > 0) {
      output_.remove_prefix(static_cast<std::size_t>(sent));
    } else if (tls_ != nullptr ? SSL_get_error(tls_, static_cast<int>(sent)) == SSL_ERROR_WANT_WRITE
                               : would_block()) {
      return await(EPOLLIN | EPOLLOUT);
    } else {
      return fail("write");
    }
  }
  await(EPOLLIN);
}

// Octets; 0 at the end of the stream, -1 for nothing yet.
long Client::read_some(char* into, std::size_t size) {
  if (tls_ == nullptr) {
    long got = recv(socket_, into, size, 0);
    return got >= 0 ? got : would_block() ? -1 : 0;
  }
  int got = SSL_read(tls_, into, static_cast<int>(size));
  if (got > 0) return got;
  int error = SSL_get_error(tls_, got);
  ERR_clear_error();
  return error == SSL_ERROR_WANT_READ || error == SSL_ERROR_WANT_WRITE ? -1 : 0;
}

void Client::await(std::uint32_t events) {
  if (awaited_ == events) return;
  epoll_event event{};
  event.events = events;
  event.data.ptr = this;
  epoll_ctl(shared_.epoll, awaited_ == 0 ? EPOLL_CTL_ADD : EPOLL_CTL_MOD, socket_, &event);
  awaited_ = events;
}

void Client::fail(const std::string& why) {
  if (shared_.error.empty())
    shared_.error = fmt::format("session {} in step {}: {} ({})", number_, static_cast<int>(step_), why,
                                strerror(errno));
  ++shared_.failed;
  if (step_ == Step::held) --shared_.held;
  close();
}

void Client::close() {
  if (socket_ < 0) return;
  if (step_ == Step::connect || step_ == Step::greeting) --shared_.pending;
  SSL_free(tls_);
  tls_ = nullptr;
  ::close(socket_);
  socket_ = -1;
}

}  // namespace sallyport::bench
