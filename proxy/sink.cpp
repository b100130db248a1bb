#include "proxy/sink.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sysexits.h>
#include <unistd.h>

#include <algorithm>
#include <csignal>
#include <filesystem>

#include "base/id.h"
#include "base/io/event_loop.h"
#include "base/text.h"
#include "proxy/exit_status.h"
#include "proxy/smtp/server_machine.h"

namespace sallyport::proxy {
namespace {

constexpr Duration kPatience = std::chrono::minutes(5);

Result<> system_failure(const std::string& what) {
  return fail(errno == ENOSPC ? Errc::no_space : Errc::io, fmt::format("{}: {}", what, strerror(errno)));
}

Result<> write_all(int file, std::string_view bytes, const std::string& path) {
  while (!bytes.empty()) {
    ssize_t written = write(file, bytes.data(), bytes.size());
    if (written < 0 && errno != EINTR) return system_failure(path);
    if (written > 0) bytes.remove_prefix(static_cast<std::size_t>(written));
  }
  return fsync(file) == 0 ? Result<>{} : system_failure(path);
}

Result<> sync_directory(const std::string& path) {
  int directory = open(path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (directory < 0) return system_failure(path);
  int synced = fsync(directory);
  ::close(directory);
  return synced == 0 ? Result<>{} : system_failure(path);
}

// The Maildir way: a file is complete before it has a name in new/.
Result<> write_to_maildir(const std::string& maildir, const std::string& name, const std::string& message) {
  std::string temporary = maildir + "/tmp/" + name, final = maildir + "/new/" + name;
  int file = open(temporary.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
  if (file < 0) return system_failure(temporary);
  auto written = write_all(file, message, temporary);
  ::close(file);
  if (written && rename(temporary.c_str(), final.c_str()) != 0) written = system_failure(final);
  if (!written) unlink(temporary.c_str());
  return written ? sync_directory(maildir + "/new") : written;
}

Result<> make_maildir(const std::string& maildir) {
  std::error_code error;
  for (const char* part : {"/tmp", "/new", "/cur"}) {
    std::filesystem::create_directories(maildir + part, error);
    if (error)
      return fail(Errc::not_found, fmt::format("cannot make {}{}: {}", maildir, part, error.message()));
  }
  return Result<>{};
}

// One client of the sink.
class SinkSession {
 public:
  SinkSession(std::unique_ptr<io::Stream> stream, Sink& sink)
      : stream_(std::move(stream)),
        sink_(sink),
        machine_(options(sink.settings()), new_id(system_clock())) {}

  static io::Task<> serve(std::unique_ptr<io::Stream> stream, Sink* sink) {
    SinkSession session(std::move(stream), *sink);
    co_await session.run();
    co_await session.stream_->close();
  }

 private:
  static smtp::ServerOptions options(const SinkSettings& settings) {
    smtp::ServerOptions options;
    options.hostname = settings.hostname;
    options.lmtp = settings.lmtp;
    options.smtputf8 = true;
    options.dsn = true;
    options.errors = options.junk_commands = 100'000;
    return options;
  }

  io::Task<> run() {
    machine_.greet();
    bool open = true;
    while (open) {
      smtp::Event event = machine_.next(input_);
      if (std::get_if<smtp::NeedInput>(&event))
        open = co_await more_input();
      else if (std::get_if<smtp::MessageEnds>(&event))
        co_await on_message();
      else if (std::get_if<smtp::Close>(&event))
        open = co_await flush() && false;
      else
        on_command(event);
    }
  }

  void on_command(smtp::Event& event) {
    if (std::get_if<smtp::Helo>(&event)) machine_.answer({250, {}, sink_.settings().hostname});
    if (auto* mail = std::get_if<smtp::Mail>(&event)) begin(*mail);
    if (auto* recipient = std::get_if<smtp::Rcpt>(&event)) machine_.answer(add(*recipient));
    if (std::get_if<smtp::DataBegins>(&event)) machine_.answer({354, {}, {}});
    if (auto* content = std::get_if<smtp::Body>(&event)) message_ += content->bytes;
  }

  void begin(const smtp::Mail& mail) {
    recipients_.clear();
    message_ = fmt::format("Return-Path: <{}>\r\n", mail.sender.address());
    machine_.answer({250, {2, 1, 0}, "sender ok"});
  }

  mail::Reply add(const smtp::Rcpt& command) {
    std::string address = command.recipient.address();
    if (!sink_.knows(address)) return {550, {5, 1, 1}, "no such mailbox here", false};
    recipients_.push_back(address);
    message_ += fmt::format("Delivered-To: {}\r\n", address);
    return {250, {2, 1, 5}, "recipient ok"};
  }

  io::Task<> on_message() {
    auto stored = co_await sink_.store(std::exchange(message_, {}));
    mail::Reply reply =
        stored ? mail::Reply{250, {2, 0, 0}, "stored"} : mail::Reply{451, {4, 3, 0}, "cannot store"};
    if (sink_.settings().lmtp)
      machine_.answer_each(std::vector<mail::Reply>(recipients_.size(), reply));
    else
      machine_.answer(reply);
  }

  io::Task<bool> more_input() {
    if (!co_await flush()) co_return false;
    if (!input_.empty()) co_return true;
    auto bytes = co_await stream_->read(system_clock().now() + kPatience);
    if (!bytes) co_return false;
    received_ = *bytes;
    input_ = received_;
    co_return true;
  }

  io::Task<bool> flush() {
    std::string output = machine_.take_output();
    if (output.empty()) co_return true;
    auto written = co_await stream_->write(output, system_clock().now() + kPatience);
    co_return written.has_value();
  }

  std::unique_ptr<io::Stream> stream_;
  Sink& sink_;
  smtp::ServerMachine machine_;
  std::string received_;
  std::string_view input_;
  std::string message_;
  std::vector<std::string> recipients_;
};

io::Task<> wait_for_end(io::SignalSet& signals) { (void)co_await signals.wait(); }

// The task owns the listener: it must be gone before the loop is.
io::Task<> run_listener(std::unique_ptr<io::Listener> listener, io::Listener::Place place,
                        io::Listener::OnConnection connected) {
  co_await listener->run(std::move(place), std::move(connected), [](const Error&) {});
}

}  // namespace

Sink::Sink(SinkSettings settings, io::TaskGroup& tasks, store::EventLog* events)
    : settings_(std::move(settings)), tasks_(tasks), events_(events), files_("sink", 2, 10'000) {}

Sink::~Sink() = default;

Result<> Sink::start(const io::Executor& executor) {
  if (auto made = make_maildir(settings_.maildir); !made) return made;
  auto bound = io::Listener::bind(executor, settings_.listen);
  if (!bound) return bound.error();
  local_ = (*bound)->local();
  auto place = [executor](const Endpoint&) { return executor; };
  auto connected = [this](std::unique_ptr<io::Stream> stream, const io::Executor& where) {
    tasks_.spawn(where, "sink session", SinkSession::serve(std::move(stream), this));
  };
  tasks_.spawn(executor, "sink listener", run_listener(std::move(*bound), place, connected));
  return Result<>{};
}

bool Sink::knows(const std::string& address) const {
  if (settings_.known.empty()) return true;
  return std::ranges::any_of(settings_.known,
                             [&](const std::string& known) { return iequals(known, address); });
}

io::Task<Result<>> Sink::store(std::string message) {
  std::string name = fmt::format("{}.{}.sallyport", time(nullptr), new_id(system_clock()));
  std::size_t size = message.size();
  auto stored = co_await files_.run([maildir = settings_.maildir, name, text = std::move(message)] {
    return write_to_maildir(maildir, name, text);
  });
  if (stored) messages_.fetch_add(1);
  if (events_) {
    sallyport::store::Event event("stored");
    event.text("file", name).number("size", static_cast<std::int64_t>(size)).flag("ok", stored.has_value());
    event.text("error", stored ? "" : stored.error().detail);
    events_->write(event);
  }
  co_return stored;
}

int run_sink(SinkSettings settings, store::LogFormat format) {
  io::ignore_sigpipe();
  store::EventLog events(STDOUT_FILENO, format, system_clock());
  io::TaskGroup tasks([&](std::string_view, std::string_view what) { events.note("error", what); });
  Sink sink(std::move(settings), tasks, &events);
  io::EventLoop loop;
  io::SignalSet signals(loop.executor(), {SIGTERM, SIGINT});
  if (auto started = sink.start(loop.executor()); !started) {
    fmt::print(stderr, "sallyport sink: {}\n", started.error().detail);
    return exit_status_of_start(started.error().code);
  }
  store::Event event("start");
  event.text("address", sink.local().to_string()).text("maildir", sink.settings().maildir);
  events.write(event);
  loop.run(wait_for_end(signals));
  return EX_OK;
}

}  // namespace sallyport::proxy
