// The benchmark's DNS: answers every question after the same time, from a file of records, by UDP. What is
// asked at once is answered at once. Lines of the file: NAME TYPE VALUE, as in a master file, absolute.

#include <arpa/inet.h>
#include <fmt/format.h>
#include <poll.h>
#include <sys/socket.h>

#include <CLI/CLI.hpp>
#include <array>
#include <chrono>
#include <deque>
#include <fstream>
#include <sstream>
#include <string>
#include <string_view>
#include <unordered_map>
#include <unordered_set>

namespace sallyport::bench {
namespace {

using Clock = std::chrono::steady_clock;

constexpr std::size_t kHeader = 12, kLargest = 512, kAtOnce = 64;
constexpr int kBuffer = 32 << 20;
constexpr unsigned kTtl = 3600;

std::string number16(unsigned value) {
  return {static_cast<char>(value >> 8U & 0xffU), static_cast<char>(value & 0xffU)};
}

std::string number32(unsigned value) { return number16(value >> 16U) + number16(value & 0xffffU); }

std::string wire_name(std::string_view name) {
  std::string out;
  while (!name.empty()) {
    const std::string_view label = name.substr(0, name.find('.'));
    out += static_cast<char>(label.size());
    out += label;
    name.remove_prefix(std::min(name.size(), label.size() + 1));
  }
  return out + '\0';
}

struct Kind {
  unsigned type;
  std::string data;
};

Kind read_value(const std::string& type, std::istringstream& line) {
  std::string value;
  if (type == "TXT") {
    std::getline(line >> std::ws, value);
    return {16, static_cast<char>(value.size()) + value};
  }
  line >> value;
  if (type == "MX") {
    const auto preference = static_cast<unsigned>(std::stoul(value));
    line >> value;
    return {15, number16(preference) + wire_name(value)};
  }
  if (type == "PTR") return {12, wire_name(value)};
  in_addr address{};
  if (type != "A" || inet_pton(AF_INET, value.c_str(), &address) != 1)
    throw std::runtime_error("no record: " + type + " " + value);
  return {1, {reinterpret_cast<const char*>(&address), sizeof address}};
}

class Zone {
 public:
  explicit Zone(const std::string& path) {
    std::ifstream file(path);
    for (std::string text; std::getline(file, text);) {
      std::istringstream line(text);
      std::string name, type;
      line >> name >> type;
      const auto [number, data] = read_value(type, line);
      const std::string wire = wire_name(name);
      names_.insert(wire);
      records_[wire + number16(number)] = "\xc0\x0c" + number16(number) + number16(1) + number32(kTtl) +
                                          number16(static_cast<unsigned>(data.size())) + data;
    }
  }

  // Empty: it was no question.
  std::string answer(std::string_view query) const {
    std::size_t at = kHeader;
    while (at < query.size() && query[at] != 0) at += 1 + static_cast<unsigned char>(query[at]);
    if (at + 5 > query.size()) return {};
    std::string name(query.substr(kHeader, at + 1 - kHeader));
    for (char& c : name)
      if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
    const auto record = records_.find(name + std::string(query.substr(at + 1, 2)));
    const bool found = record != records_.end();
    const char* code = names_.contains(name) ? "\x80" : "\x83";
    std::string out(query.substr(0, 2));
    out += "\x85";
    out += code;
    out += number16(1) + number16(found ? 1 : 0) + number16(found ? 0 : 1) + number16(0);
    out += query.substr(kHeader, at + 5 - kHeader);
    return out + (found ? record->second : negative_);
  }

 private:
  // The root's SOA, with empty names.
  const std::string negative_ = std::string(1, '\0') + number16(6) + number16(1) + number32(kTtl) +
                                number16(22) + std::string(2, '\0') + number32(1) + number32(kTtl) +
                                number32(kTtl) + number32(kTtl) + number32(kTtl);
  std::unordered_set<std::string> names_;
  std::unordered_map<std::string, std::string> records_;  // by name and type
};

struct Due {
  Clock::time_point at;
  sockaddr_in to;
  std::string message;
};

class Server {
 public:
  Server(std::uint16_t port, std::chrono::milliseconds delay, const Zone& zone)
      : delay_(delay), zone_(zone) {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(port);
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    if (bind(socket_, reinterpret_cast<sockaddr*>(&address), sizeof address) != 0)
      throw std::runtime_error(fmt::format("port {}: {}", port, strerror(errno)));
    setsockopt(socket_, SOL_SOCKET, SO_RCVBUFFORCE, &kBuffer, sizeof kBuffer);
    setsockopt(socket_, SOL_SOCKET, SO_SNDBUFFORCE, &kBuffer, sizeof kBuffer);
  }

  [[noreturn]] void run() {
    for (;;) {
      wait();
      receive();
      send_due();
    }
  }

 private:
  void wait() const {
    const auto left =
        due_.empty() ? std::chrono::nanoseconds(std::chrono::hours(1)) : due_.front().at - Clock::now();
    const auto nanoseconds = std::max<long long>(0, std::chrono::nanoseconds(left).count());
    const timespec patience{nanoseconds / 1'000'000'000, nanoseconds % 1'000'000'000};
    pollfd source{socket_, POLLIN, 0};
    ppoll(&source, 1, &patience, nullptr);
  }

  void receive() {
    std::array<std::array<char, kLargest>, kAtOnce> octets;
    std::array<sockaddr_in, kAtOnce> sources;
    std::array<iovec, kAtOnce> vectors;
    std::array<mmsghdr, kAtOnce> messages{};
    for (std::size_t i = 0; i < kAtOnce; ++i) {
      vectors[i] = {octets[i].data(), kLargest};
      messages[i].msg_hdr = {&sources[i], sizeof sources[i], &vectors[i], 1, nullptr, 0, 0};
    }
    const int count = recvmmsg(socket_, messages.data(), kAtOnce, MSG_DONTWAIT, nullptr);
    const auto at = Clock::now() + delay_;
    for (int i = 0; i < count; ++i) {
      const auto place = static_cast<std::size_t>(i);
      std::string answer = zone_.answer({octets[place].data(), messages[place].msg_len});
      if (!answer.empty()) due_.push_back({at, sources[place], std::move(answer)});
    }
  }

  // All have the same delay: who came first is due first.
  void send_due() {
    std::array<iovec, kAtOnce> vectors;
    std::array<mmsghdr, kAtOnce> messages{};
    const auto now = Clock::now();
    unsigned count = 0;
    for (; count < kAtOnce && count < due_.size() && due_[count].at <= now; ++count) {
      Due& due = due_[count];
      vectors[count] = {due.message.data(), due.message.size()};
      messages[count].msg_hdr = {&due.to, sizeof due.to, &vectors[count], 1, nullptr, 0, 0};
    }
    for (unsigned sent = 0; sent < count;) {
      const int more = sendmmsg(socket_, &messages[sent], count - sent, 0);
      sent += more > 0 ? static_cast<unsigned>(more) : 1;  // one was for somebody who is gone
    }
    due_.erase(due_.begin(), due_.begin() + count);
  }

  const int socket_ = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  const std::chrono::milliseconds delay_;
  const Zone& zone_;
  std::deque<Due> due_;
};

}  // namespace

int run(int argc, char** argv) {
  std::uint16_t port = 53;
  unsigned delay = 50;
  std::string records;
  CLI::App options("The benchmark's DNS");
  options.add_option("--port", port);
  options.add_option("--delay", delay, "milliseconds");
  options.add_option("--records", records)->required();
  CLI11_PARSE(options, argc, argv);
  const Zone zone(records);
  Server(port, std::chrono::milliseconds(delay), zone).run();
}

}  // namespace sallyport::bench

int main(int argc, char** argv) try {
  return sallyport::bench::run(argc, argv);
} catch (const std::exception& error) {
  fmt::print(stderr, "{}\n", error.what());
  return 70;
}
