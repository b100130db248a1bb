#include "proxy/control_server.h"

#include <pthread.h>
#include <unistd.h>

#include <utility>

#include "base/config/json_line.h"

namespace sallyport::proxy {
namespace {

constexpr auto kPatienceForRequest = std::chrono::seconds(5);
constexpr auto kPatienceForReader = std::chrono::seconds(5);
constexpr auto kPause = std::chrono::milliseconds(100);  // out of descriptors
constexpr std::size_t kBatch = 64 * 1024;

// Lines of an answer, sent some at a time.
class Lines {
 public:
  explicit Lines(io::LocalStream& stream) : stream_(stream) {}

  bool write(const config::Node& line) {
    pending_ += config::to_json_line(line);
    pending_ += '\n';
    return pending_.size() < kBatch || send();
  }
  bool send() {
    if (!broken_) broken_ = !stream_.write(pending_, std::chrono::steady_clock::now() + kPatienceForReader);
    pending_.clear();
    return !broken_;
  }

 private:
  io::LocalStream& stream_;
  std::string pending_;
  bool broken_ = false;
};

}  // namespace

bool may_command(uid_t user) { return user == 0 || user == ::geteuid(); }

Result<std::unique_ptr<ControlServer>> ControlServer::open(const std::string& path, const Control& control,
                                                           OnTrouble on_trouble) {
  auto listener = io::LocalListener::bind(path);
  if (!listener) return listener.error();
  return std::unique_ptr<ControlServer>(
      new ControlServer(std::move(*listener), control, std::move(on_trouble)));
}

ControlServer::ControlServer(io::LocalListener listener, const Control& control, OnTrouble on_trouble)
    : listener_(std::move(listener)), control_(control), on_trouble_(std::move(on_trouble)) {
  thread_ = std::thread([this] { serve(); });
  pthread_setname_np(thread_.native_handle(), "control");
}

ControlServer::~ControlServer() {
  listener_.stop();
  thread_.join();
}

void ControlServer::serve() {
  bool told = false;
  for (;;) {
    auto asked = listener_.next(Control::kMaxRequest, kPatienceForRequest);
    if (asked) {
      serve_one(std::move(*asked));
      told = false;
      continue;
    }
    if (asked.error().code == Errc::stopped) return;
    if (!std::exchange(told, true)) on_trouble_("control socket: " + asked.error().detail);
    std::this_thread::sleep_for(kPause);
  }
}

void ControlServer::serve_one(io::LocalListener::Asked asked) const try {
  if (!may_command(asked.stream.peer_user())) return;
  Lines lines(asked.stream);
  control_.answer(asked.line, [&](const config::Node& line) { return lines.write(line); });
  lines.send();
} catch (const std::exception& error) {  // no memory: this client hears nothing
  on_trouble_(std::string("control socket: ") + error.what());
}

}  // namespace sallyport::proxy
