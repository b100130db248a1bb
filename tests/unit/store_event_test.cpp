#include <doctest/doctest.h>
#include <fcntl.h>
#include <sys/socket.h>

#include <csignal>
#include <sstream>
#include <vector>

#include "base/io/descriptor.h"
#include "base/store/event_log.h"
#include "base/store/event_text.h"
#include "base/text.h"
#include "tests/unit/store_scratch.h"

using namespace sallyport;
using namespace sallyport::store;
using namespace std::chrono_literals;

namespace {

constexpr std::string_view kHead = "{\"time\":\"2026-11-22T16:00:00.123Z\",\"type\":\"session\"";

std::string written(const Event& event, LogFormat format = LogFormat::json) {
  const ScratchDirectory directory;
  const io::Descriptor file(::open(directory.file("log").c_str(), O_CREAT | O_WRONLY, 0600));
  const TestClock clock;
  EventLog log(file.get(), format, clock);
  log.write(event);
  return read_file(directory.file("log"));
}

std::string value_of(std::string_view untrusted) {
  const std::string line = written(Event("session").text("helo", untrusted));
  const std::string head = std::string(kHead) + ",\"helo\":\"";
  REQUIRE(line.starts_with(head));
  REQUIRE(line.ends_with("\"}\n"));
  return line.substr(head.size(), line.size() - head.size() - 3);
}

struct Pipe {
  Pipe() {
    int ends[2];
    REQUIRE(::pipe(ends) == 0);
    reader = io::Descriptor(ends[0]);
    writer = io::Descriptor(ends[1]);
    ::fcntl(reader.get(), F_SETFL, O_NONBLOCK);
  }
  io::Descriptor reader;
  io::Descriptor writer;
};

std::string read_available(int descriptor) {
  std::string all;
  char piece[65536];
  for (ssize_t got = 0; (got = ::read(descriptor, piece, sizeof piece)) > 0;) {
    all.append(piece, static_cast<std::size_t>(got));
  }
  return all;
}

// Reads until the log has nothing left.
std::string read_all(EventLog& log, int descriptor) {
  std::string all;
  for (;;) {
    log.flush(0ms);
    const std::string more = read_available(descriptor);
    if (more.empty()) return all;
    all += more;
  }
}

std::vector<std::string> lines(const std::string& text) {
  std::vector<std::string> all;
  std::istringstream stream(text);
  for (std::string line; std::getline(stream, line);) all.push_back(line);
  return all;
}

Event numbered(int number) {
  static const Event padded = Event("session").text("padding", std::string(1900, 'p'));
  return Event(padded).number("n", number);
}

// No reader for a while: nothing waits, what is too much is dropped and counted, what got out is whole.
void check_slow_reader(int writer, int reader) {
  const TestClock clock;
  EventLog log(writer, LogFormat::json, clock);
  int sent = 0;
  while (log.dropped() < 100 && sent < 20'000) log.write(numbered(sent++));
  REQUIRE(log.dropped() == 100);
  CHECK((::fcntl(writer, F_GETFL) & O_NONBLOCK) == 0);

  const auto got = lines(read_all(log, reader));
  REQUIRE(got.size() == static_cast<std::size_t>(sent) - 100 + 1);
  for (std::size_t i = 0; i + 1 < got.size(); ++i) {
    CHECK(got[i].starts_with(kHead));
    CHECK(got[i].ends_with("p\",\"n\":" + std::to_string(i) + "}"));
  }
  CHECK(got.back() == "{\"time\":\"2026-11-22T16:00:00.123Z\",\"type\":\"dropped\",\"count\":100}");

  log.write(numbered(7));
  CHECK(lines(read_all(log, reader)).size() == 1);
  CHECK(log.dropped() == 100);
}

}  // namespace

TEST_CASE("event: one line of JSON") {
  Event event("session");
  event.text("id", "3kf9").text("empty", "").number("port", 25).number("low", -1).flag("tls", true);
  event.milliseconds("took", 1234567us);
  event.begin_list("recipients");
  event.begin_item().text("to", "a@b").number("code", 250).end_item();
  event.begin_item().number("code", 550).end_item();
  event.end_list().flag("last", false);
  CHECK(written(event) ==
        std::string(kHead) +
            ",\"id\":\"3kf9\",\"port\":25,\"low\":-1,\"tls\":true,\"took\":1234,"
            "\"recipients\":[{\"to\":\"a@b\",\"code\":250},{\"code\":550}],\"last\":false}\n");
}

TEST_CASE("event: members that were written once for many events") {
  Event part("");
  part.text("to", "a\"b").number("code", 250);
  const std::string once = std::move(part).take_members();
  Event event("session");
  event.members(once).begin_list("recipients").begin_item().members(once).number("ms", 1).end_item();
  event.begin_item().members("").flag("last", true).end_item().end_list();
  CHECK(written(event) == std::string(kHead) +
                              ",\"to\":\"a\\\"b\",\"code\":250,\"recipients\":["
                              "{\"to\":\"a\\\"b\",\"code\":250,\"ms\":1},{\"last\":true}]}\n");
}

TEST_CASE("event: the same as text") {
  ::setenv("TZ", "XXX-2", 1);
  ::tzset();
  Event event("session");
  event.text("id", "3kf9").text("reply", "550 5.1.1 no \"such\" user").begin_list("recipients");
  event.begin_item().text("to", "a@b").number("code", 250).end_item();
  event.begin_item().text("to", "c d@e").flag("ok", true).end_item().end_list();
  CHECK(written(event, LogFormat::text) ==
        "2026-11-22 18:00:00.123 session id=3kf9 reply=\"550 5.1.1 no \\\"such\\\" user\" "
        "recipients=[{to=a@b code=250} {to=\"c d@e\" ok=true}]\n");
  ::unsetenv("TZ");
  ::tzset();
}

TEST_CASE("event: nothing untrusted reaches a terminal raw (A06)") {
  CHECK(value_of("a\r\nb\tc\x7f") == "a\\u000d\\u000ab\\u0009c\\u007f");
  CHECK(value_of("\x1b[31mred") == "\\u001b[31mred");
  CHECK(value_of(std::string_view("nul\0", 4)) == "nul\\u0000");
  CHECK(value_of("\xc2\x9b[2J") == "\\u009b[2J");
  CHECK(value_of("a\xe2\x80\xaegpj.exe") == "a\\u202egpj.exe");
  CHECK(value_of("\xe2\x81\xa6x") == "\\u2066x");
  CHECK(value_of("\xe2\x80\x8fx") == "\\u200fx");
  CHECK(value_of("\xd8\x9cx") == "\\u061cx");
  CHECK(value_of("\"\\") == "\\\"\\\\");
  CHECK(value_of("gr\xc3\xbc\xc3\x9f \xe2\x82\xac") == "gr\xc3\xbc\xc3\x9f \xe2\x82\xac");
  CHECK(value_of("\xe2\x80") != "\xe2\x80");
}

TEST_CASE("event: any two octets make one line of valid UTF-8") {
  for (int high = 0; high < 256; high += 3) {
    for (int low = 0; low < 256; ++low) {
      std::string body;
      append_escaped(body, std::string{static_cast<char>(high), static_cast<char>(low)});
      CHECK_MESSAGE(is_valid_utf8(body), high, " ", low);
      CHECK(body.find('\n') == std::string::npos);
      CHECK(body.find('\x1b') == std::string::npos);
    }
  }
}

TEST_CASE("event: a long value is cut between characters") {
  std::string text(2047, 'x');
  text += "\xe2\x82\xac and so on";
  CHECK(value_of(text) == std::string(2047, 'x') + "...");
  CHECK(value_of(std::string(2048, 'x')) == std::string(2048, 'x'));
  CHECK(value_of(std::string(5000, '\x80')).size() < 4 * 2048 + 2048);
}

TEST_CASE("event: notes") {
  ::setenv("TZ", "UTC0", 1);
  ::tzset();
  const ScratchDirectory directory;
  const io::Descriptor file(::open(directory.file("log").c_str(), O_CREAT | O_WRONLY, 0600));
  const TestClock clock;
  EventLog(file.get(), LogFormat::json, clock).note("warning", "disk \"full\"\n");
  EventLog(file.get(), LogFormat::text, clock).note("warning", "disk \"full\" \x1b");
  CHECK(read_file(directory.file("log")) ==
        "{\"time\":\"2026-11-22T16:00:00.123Z\",\"type\":\"note\",\"level\":\"warning\","
        "\"text\":\"disk \\\"full\\\"\\u000a\"}\n"
        "2026-11-22 16:00:00.123 warning: disk \"full\" \\u001b\n");
  ::unsetenv("TZ");
  ::tzset();
}

TEST_CASE("event: the time of each line is its own") {
  TimeStamp stamp(true);
  const auto at = [&](std::int64_t ms) {
    std::string out;
    stamp.append(out, WallTime(std::chrono::milliseconds(ms)));
    return out;
  };
  CHECK(at(0) == "1970-01-01T00:00:00.000Z");
  CHECK(at(999) == "1970-01-01T00:00:00.999Z");
  CHECK(at(1000) == "1970-01-01T00:00:01.000Z");
  CHECK(at(-1) == "1969-12-31T23:59:59.999Z");
  CHECK(at(1'709'208'000'007) == "2024-02-29T12:00:00.007Z");
}

TEST_CASE("event: a pipe that nobody reads blocks nothing") {
  const Pipe pipe;
  check_slow_reader(pipe.writer.get(), pipe.reader.get());
}

TEST_CASE("event: a socket that nobody reads blocks nothing") {
  int ends[2];
  REQUIRE(::socketpair(AF_UNIX, SOCK_STREAM, 0, ends) == 0);
  const io::Descriptor writer(ends[0]);
  const io::Descriptor reader(ends[1]);
  ::fcntl(reader.get(), F_SETFL, O_NONBLOCK);
  check_slow_reader(writer.get(), reader.get());
}

TEST_CASE("event: what waits is written without another event") {
  const Pipe pipe;
  const TestClock clock;
  EventLog log(pipe.writer.get(), LogFormat::json, clock);
  for (int i = 0; i < 100; ++i) log.write(numbered(i));
  std::string got;
  const auto end = std::chrono::steady_clock::now() + 10s;
  while (lines(got).size() < 100 && std::chrono::steady_clock::now() < end) {
    got += read_available(pipe.reader.get());
  }
  CHECK(lines(got).size() == 100);
  CHECK(got.ends_with("}\n"));
}

TEST_CASE("event: no reader, a closed descriptor or a full disk harm nobody (X16)") {
  const auto handler = std::signal(SIGPIPE, SIG_IGN);
  const TestClock clock;
  {
    Pipe pipe;
    EventLog log(pipe.writer.get(), LogFormat::json, clock);
    log.write(numbered(1));
    pipe.reader.reset();
    log.write(numbered(2));
    log.write(numbered(3));
    log.flush(1s);
    CHECK(log.dropped() == 2);
  }
  {
    Pipe pipe;
    const int closed = pipe.writer.get();
    pipe.writer.reset();
    EventLog log(closed, LogFormat::json, clock);
    log.write(numbered(1));
    CHECK(log.dropped() == 1);
  }
  {
    const io::Descriptor full(::open("/dev/full", O_WRONLY));
    EventLog log(full.get(), LogFormat::json, clock);
    for (int i = 0; i < 5000 && log.dropped() == 0; ++i) log.write(numbered(i));
    CHECK(log.dropped() == 1);
  }
  std::signal(SIGPIPE, handler);
}
