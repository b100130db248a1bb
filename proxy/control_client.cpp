#include "proxy/control_client.h"

#include <fmt/format.h>
#include <grp.h>
#include <sys/stat.h>
#include <sysexits.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <filesystem>
#include <mutex>
#include <optional>
#include <thread>
#include <utility>

#include "base/config/document.h"
#include "base/config/json_line.h"
#include "base/io/local_socket.h"
#include "base/io/system_error.h"
#include "base/store/state_store.h"
#include "proxy/control.h"
#include "proxy/control_commands.h"
#include "proxy/exit_status.h"
#include "proxy/settings.h"

namespace sallyport::proxy {
namespace {

constexpr auto kPatience = std::chrono::seconds(60);  // it may have to wait for a disk, and for others
constexpr auto kPatienceForStart = std::chrono::seconds(5);  // it has its state, and no control socket yet
constexpr auto kBetweenTries = std::chrono::milliseconds(50);
constexpr auto kFarewell = std::chrono::milliseconds(1'000);  // whoever asked has been told by then
constexpr std::size_t kMaxLine = 1 << 20;

// True: it was the last one, which has nothing but how it went.
bool take_end(ControlAnswer& answer, const config::Node& line) {
  if (line.find("ok")) return true;
  if (!line.find("error")) return false;
  answer.error = text_of(line, "error");
  const config::Node* status = line.find("status");
  const auto* number = status ? status->as<std::int64_t>() : nullptr;
  answer.status = number ? static_cast<int>(*number) : EX_UNAVAILABLE;
  return true;
}

bool may_be_end(std::string_view line) {
  return line.starts_with("{\"ok\"") || line.starts_with("{\"error\"");
}

std::optional<config::Node> parse(std::string line) {
  config::Diagnostics diagnostics;
  return config::parse(std::move(line), "answer", diagnostics);
}

// What root makes of a folder of somebody else's belongs to that user.
Result<> become_owner(const std::string& file) {
  struct stat folder{};
  const std::filesystem::path path = std::filesystem::path(file).parent_path();
  if (::stat(path.c_str(), &folder) != 0)
    return fail(Errc::not_found, io::describe_errno(path.string(), errno));
  if (::geteuid() != 0 && ::access(path.c_str(), W_OK | X_OK) != 0 && errno == EACCES)
    return fail(Errc::unreachable, io::describe_errno(path.string(), errno));
  if (::geteuid() != 0 || folder.st_uid == 0) return {};
  if (::setgroups(0, nullptr) == 0 && ::setgid(folder.st_gid) == 0 && ::setuid(folder.st_uid) == 0)
    return {};
  return fail(Errc::refused, io::describe_errno("cannot become the owner of " + path.string(), errno));
}

// What the store says from whatever thread while it is opened.
class Troubles {
 public:
  void hear(std::string_view what) {
    const std::lock_guard lock(mutex_);
    if (first_.empty()) first_ = what;
  }
  std::string first() {
    const std::lock_guard lock(mutex_);
    return first_;
  }

 private:
  std::mutex mutex_;
  std::string first_;
};

}  // namespace

config::Node ControlAnswer::read(const std::string& line) {
  auto node = parse(line);
  return node ? std::move(*node) : config::Node::object();
}

Result<ControlAnswer> ask_running(const std::string& path, const config::Node& request) {
  auto stream = io::LocalStream::connect(path);
  if (!stream) return stream.error();
  const auto deadline = [] { return std::chrono::steady_clock::now() + kPatience; };
  if (auto sent = stream->write(config::to_json_line(request) + "\n", deadline()); !sent)
    return sent.error();
  ControlAnswer answer;
  for (;;) {
    auto line = stream->read_line(kMaxLine, deadline());
    if (!line)
      return fail(Errc::io,
                  "the gateway's answer broke off, and whether it did what was asked is not known: " +
                      line.error().detail);
    if (may_be_end(*line)) {
      const auto end = parse(*line);
      if (!end) return fail(Errc::io, "the gateway's answer is no JSON");
      if (take_end(answer, *end)) return answer;
    }
    answer.written.push_back(std::move(*line));
  }
}

Result<ControlAnswer> ask_state(const std::string& file, std::shared_ptr<const policy::Settings> policy,
                                const config::Node& request) {
  if (auto owner = become_owner(file); !owner) return owner.error();
  Troubles troubles;
  const store::StateLimits limits{.farewell = kFarewell, .brief = true};
  auto state = store::StateStore::open(
      file, system_clock(), [&](std::string_view what) { troubles.hear(what); }, limits);
  if (!state) return state.error();
  if (auto trouble = troubles.first(); !trouble.empty()) return fail(Errc::io, std::move(trouble));
  Control control;
  SenderBook senders(**state, system_clock());
  add_commands(control, {**state, system_clock(), senders, [policy] { return policy; }, /*running=*/false});
  ControlAnswer answer;
  control.answer(config::to_json_line(request), [&](const config::Node& line) {
    if (!take_end(answer, line)) answer.written.push_back(config::to_json_line(line));
    return true;
  });
  return answer;
}

Result<ControlAnswer> ask_either(const std::string& state_file, const FindPolicy& policy,
                                 const config::Node& request) {
  const TimePoint until = std::chrono::steady_clock::now() + kPatienceForStart;
  std::optional<std::shared_ptr<const policy::Settings>> settings;
  for (;;) {
    auto answer = ask_running(control_path(state_file), request);
    if (answer || answer.error().code != Errc::not_found) return answer;
    if (!settings) settings = policy();
    answer = ask_state(state_file, *settings, request);
    if (answer || answer.error().code != Errc::refused) return answer;
    if (std::chrono::steady_clock::now() > until) return fail(Errc::timeout, answer.error().detail);
    std::this_thread::sleep_for(kBetweenTries);
  }
}

namespace {

// With the lists that the configuration names; null where it is broken.
std::shared_ptr<const policy::Settings> with_files(const std::string& directory) {
  config::Diagnostics untold;
  const auto settings = load(directory, {}, untold);
  return settings ? settings->policy : nullptr;
}

}  // namespace

Taken<ControlAnswer> ask_gateway(const std::string& directory, const config::Node& request) {
  config::Diagnostics diagnostics;
  const auto settings = load(directory, {.open_files = false}, diagnostics);
  if (!settings) return std::unexpected(CommandFault{EX_CONFIG, diagnostics.to_string()});
  if (settings->state_file.empty())
    return std::unexpected(
        CommandFault{EX_CONFIG, "the state is in memory only (state.sqlite): nothing can be asked of it"});
  auto answer = ask_either(settings->state_file, [&] { return with_files(directory); }, request);
  if (answer) return std::move(*answer);
  const Error& error = answer.error();
  if (error.code == Errc::refused || error.code == Errc::unreachable) {
    const auto folder = std::filesystem::path(settings->state_file).parent_path();
    return std::unexpected(
        CommandFault{EX_NOPERM, error.detail + "; its owner may ask: " + as_owner_of(folder)});
  }
  const bool of_disk = error.code == Errc::io || error.code == Errc::no_space;
  return std::unexpected(CommandFault{of_disk ? exit_status_of(error.code) : EX_UNAVAILABLE, error.detail});
}

}  // namespace sallyport::proxy
