// The benchmark's client: so many sessions at once over loopback, until so many messages are answered 250.
// The last line is JSON. With --hold it opens the sessions, says so, and keeps them until its input ends.

#include <fmt/format.h>
#include <sys/epoll.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <csignal>
#include <deque>

#include "tests/bench/client.h"

namespace sallyport::bench {
namespace {

constexpr unsigned kPendingAtMost = 200;  // fewer than any server's backlog; callers come all at once
constexpr unsigned kFailedAtMost = 100;

void prepare(Shared& shared) {
  shared.epoll = epoll_create1(EPOLL_CLOEXEC);
  shared.tls = SSL_CTX_new(TLS_client_method());
  SSL_CTX_set_verify(shared.tls, SSL_VERIFY_NONE, nullptr);
  SSL_CTX_set_session_cache_mode(shared.tls, SSL_SESS_CACHE_OFF);
  SSL_CTX_set_mode(shared.tls, SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
  shared.ehlo = "EHLO client.example.net\r\n";
  shared.mail = "MAIL FROM:<sender@example.net>\r\n";
  shared.rcpt = "RCPT TO:<user@example.com>\r\n";
  shared.content =
      "From: Sender <sender@example.net>\r\nTo: User <user@example.com>\r\nSubject: benchmark\r\n"
      "Date: Sat, 22 Nov 2025 11:00:00 +0000\r\nMessage-ID: <benchmark@example.net>\r\n\r\n";
  const std::string line = std::string(76, 'x') + "\r\n";
  while (shared.content.size() + line.size() <= shared.plan.size) shared.content += line;
  shared.content += ".\r\n";
  shared.latencies.reserve(shared.plan.messages);
}

// Begins sessions where there is something to do for them; false when all is done.
bool begin(Shared& shared, std::deque<Client>& clients) {
  const unsigned pending_at_most = shared.plan.callers > 0 ? shared.plan.sessions : kPendingAtMost;
  bool open = false;
  for (Client& client : clients) {
    bool more = shared.begun < shared.plan.messages && shared.failed < kFailedAtMost;
    if (!client.open() && more && shared.pending < pending_at_most) {
      ++shared.begun;
      client.connect();
    }
    open = open || client.open();
  }
  return open;
}

void handle(Shared& shared, int timeout) {
  epoll_event events[256];
  int count = epoll_wait(shared.epoll, events, 256, timeout);
  for (int i = 0; i < count; ++i) static_cast<Client*>(events[i].data.ptr)->on_ready(events[i].events);
}

double percentile(std::vector<float>& values, double part) {
  if (values.empty()) return 0;
  auto place = values.begin() + static_cast<std::ptrdiff_t>(part * static_cast<double>(values.size() - 1));
  std::ranges::nth_element(values, place);
  return *place;
}

std::string quoted(std::string text) {
  std::erase_if(text, [](char c) { return c < ' ' || c == '"' || c == '\\'; });
  return text;
}

int send_messages(Shared& shared, std::deque<Client>& clients) {
  auto began = Clock::now();
  while (begin(shared, clients)) handle(shared, 1000);
  std::chrono::duration<double> seconds = Clock::now() - began;
  fmt::print(
      R"({{"done": {}, "failed": {}, "seconds": {:.4f}, "p50": {:.3f}, "p99": {:.3f}, "error": "{}"}})"
      "\n",
      shared.done, shared.failed, seconds.count(), percentile(shared.latencies, 0.5),
      percentile(shared.latencies, 0.99), quoted(shared.error));
  return shared.done == shared.plan.messages ? 0 : 1;
}

int hold_sessions(Shared& shared, std::deque<Client>& clients) {
  shared.plan.messages = shared.plan.sessions;
  while (shared.held + shared.failed < shared.plan.sessions && begin(shared, clients)) handle(shared, 1000);
  fmt::print(R"({{"held": {}, "failed": {}, "error": "{}"}})"
             "\n",
             shared.held, shared.failed, quoted(shared.error));
  std::fflush(stdout);
  char byte;
  while (read(STDIN_FILENO, &byte, 1) > 0) continue;
  handle(shared, 0);  // sessions that the server has ended meanwhile
  return shared.held == shared.plan.sessions ? 0 : 1;
}

}  // namespace

int run(int argc, char** argv) {
  Shared shared;
  CLI::App options("The benchmark's client");
  options.add_option("--port", shared.plan.port)->required();
  options.add_option("--sessions", shared.plan.sessions);
  options.add_option("--messages", shared.plan.messages);
  options.add_option("--size", shared.plan.size);
  options.add_flag("--keep", shared.plan.keep);
  options.add_flag("--starttls", shared.plan.starttls);
  options.add_flag("--hold", shared.plan.hold);
  options.add_option("--callers", shared.plan.callers);
  options.add_option("--first-caller", shared.plan.first_caller);
  options.add_flag("--until-rcpt", shared.plan.until_rcpt);
  CLI11_PARSE(options, argc, argv);
  std::signal(SIGPIPE, SIG_IGN);
  prepare(shared);
  std::deque<Client> clients;
  for (unsigned i = 0; i < shared.plan.sessions; ++i) clients.emplace_back(shared, i);
  return shared.plan.hold ? hold_sessions(shared, clients) : send_messages(shared, clients);
}

}  // namespace sallyport::bench

int main(int argc, char** argv) { return sallyport::bench::run(argc, argv); }
