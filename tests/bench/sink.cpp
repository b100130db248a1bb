// The benchmark's next hop: takes every message for user@example.com and throws it away. What it has seen
// stands in a file of three 64-bit numbers that the harness reads while it runs: messages, connections,
// messages that were too small.

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

namespace sallyport::bench {
namespace {

struct Counters {
  volatile std::uint64_t messages, connections, small;
};

struct Settings {
  std::uint16_t port = 25;
  std::string counters;
  std::size_t smallest = 0;
};

class Peer {
 public:
  Peer(int socket, Counters& counters, std::size_t smallest)
      : socket_(socket), counters_(counters), smallest_(smallest) {
    say("220 sink.example.com ESMTP\r\n");
    flush();
  }
  Peer(const Peer&) = delete;
  Peer& operator=(const Peer&) = delete;
  ~Peer() { close(socket_); }

  // False when it is over.
  bool on_input() {
    char buffer[65536];
    ssize_t size = recv(socket_, buffer, sizeof buffer, 0);
    if (size <= 0) return false;
    std::string_view input(buffer, static_cast<std::size_t>(size));
    while (!input.empty()) input = content_ ? take_content(input) : take_command(input);
    flush();
    return open_;
  }

 private:
  std::string_view take_command(std::string_view input) {
    std::size_t end = input.find('\n');
    line_ += input.substr(0, end == std::string_view::npos ? end : end + 1);
    if (end == std::string_view::npos) return {};
    answer(line_);
    line_.clear();
    return input.substr(end + 1);
  }

  void answer(std::string_view command) {
    std::string_view verb = command.substr(0, 4);
    if (verb == "EHLO")
      say("250-sink.example.com\r\n250-PIPELINING\r\n250-SIZE 104857600\r\n250-8BITMIME\r\n250 "
          "ENHANCEDSTATUSCODES\r\n");
    else if (verb == "RCPT" && command.find("<user@example.com>") == std::string_view::npos)
      say("550 5.1.1 no such user\r\n");
    else if (verb == "DATA")
      begin_content();
    else if (verb == "QUIT")
      open_ = false;
    else
      say("250 2.0.0 ok\r\n");
  }

  void begin_content() {
    content_ = true;
    size_ = 0;
    tail_ = "\r\n";
    say("354 go\r\n");
  }

  // The end may lie across two reads: the last four octets of the one before are kept.
  std::string_view take_content(std::string_view input) {
    static constexpr std::string_view kEnd = "\r\n.\r\n";
    std::string joint = tail_ + std::string(input.substr(0, kEnd.size() - 1));
    std::size_t at = joint.find(kEnd), rest = std::string_view::npos;
    if (at != std::string::npos)
      rest = at + kEnd.size() - tail_.size();
    else if (std::size_t inside = input.find(kEnd); inside != std::string_view::npos)
      rest = inside + kEnd.size();
    size_ += std::min(rest, input.size());
    if (rest == std::string_view::npos) {
      tail_ = (input.size() >= 4 ? std::string() : tail_) +
              std::string(input.substr(input.size() - std::min<std::size_t>(4, input.size())));
      if (tail_.size() > 4) tail_.erase(0, tail_.size() - 4);
      return {};
    }
    end_content();
    return input.substr(rest);
  }

  void end_content() {
    content_ = false;
    counters_.messages = counters_.messages + 1;
    if (size_ < smallest_) counters_.small = counters_.small + 1;
    say("250 2.0.0 taken\r\n");
  }

  void say(std::string_view text) { output_ += text; }
  void flush() {
    if (!output_.empty() && send(socket_, output_.data(), output_.size(), MSG_NOSIGNAL) < 0) open_ = false;
    output_.clear();
  }

  int socket_;
  Counters& counters_;
  std::size_t smallest_;
  bool open_ = true, content_ = false;
  std::size_t size_ = 0;
  std::string line_, tail_, output_;
};

Counters* map_counters(const std::string& path) {
  int file = open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0644);
  if (file < 0 || ftruncate(file, sizeof(Counters)) != 0) return nullptr;
  void* memory = mmap(nullptr, sizeof(Counters), PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
  close(file);
  return memory == MAP_FAILED ? nullptr : static_cast<Counters*>(memory);
}

int listen_on(std::uint16_t port) {
  int socket = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), yes = 1;
  setsockopt(socket, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof yes);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(port);
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  bool good =
      bind(socket, reinterpret_cast<sockaddr*>(&address), sizeof address) == 0 && listen(socket, 4096) == 0;
  return good ? socket : -1;
}

void accept_one(int epoll, int listener, const Settings& settings, Counters& counters) {
  int socket = accept4(listener, nullptr, nullptr, SOCK_CLOEXEC), yes = 1;
  if (socket < 0) return;
  setsockopt(socket, IPPROTO_TCP, TCP_NODELAY, &yes, sizeof yes);
  counters.connections = counters.connections + 1;
  epoll_event event{};
  event.events = EPOLLIN;
  event.data.ptr = new Peer(socket, counters, settings.smallest);
  epoll_ctl(epoll, EPOLL_CTL_ADD, socket, &event);
}

[[noreturn]] void serve(int listener, const Settings& settings, Counters& counters) {
  int epoll = epoll_create1(EPOLL_CLOEXEC);
  epoll_event listening{};
  listening.events = EPOLLIN;
  epoll_ctl(epoll, EPOLL_CTL_ADD, listener, &listening);
  for (;;) {
    epoll_event events[256];
    int count = epoll_wait(epoll, events, 256, -1);
    for (int i = 0; i < count; ++i) {
      auto* peer = static_cast<Peer*>(events[i].data.ptr);
      if (peer == nullptr)
        accept_one(epoll, listener, settings, counters);
      else if (!peer->on_input())
        delete peer;
    }
  }
}

}  // namespace

int run(int argc, char** argv) {
  Settings settings;
  CLI::App options("The benchmark's next hop");
  options.add_option("--port", settings.port)->required();
  options.add_option("--counters", settings.counters)->required();
  options.add_option("--smallest", settings.smallest, "octets that a message must have");
  CLI11_PARSE(options, argc, argv);
  Counters* counters = map_counters(settings.counters);
  int listener = listen_on(settings.port);
  if (counters == nullptr || listener < 0) {
    std::perror("sink");
    return 1;
  }
  serve(listener, settings, *counters);
}

}  // namespace sallyport::bench

int main(int argc, char** argv) { return sallyport::bench::run(argc, argv); }
