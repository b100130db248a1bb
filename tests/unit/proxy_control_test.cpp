#include <doctest/doctest.h>

#include <atomic>
#include <future>
#include <stdexcept>
#include <thread>

#include "base/config/json_line.h"
#include "base/store/state_store.h"
#include "proxy/control_client.h"
#include "proxy/control_server.h"
#include "tests/unit/store_scratch.h"

using namespace sallyport;
using namespace sallyport::proxy;
using config::Node;

namespace {

Node request(const char* command) {
  Node node = Node::object();
  return node.add("command", Node::text(command));
}

// "echo" answers as many lines as it is asked for.
Control some_commands() {
  Control control;
  control.add("echo", [](const Node& node, const Control::Write& write) -> Result<> {
    const Node* times = node.find("times");
    const std::int64_t count = times ? *times->as<std::int64_t>() : 1;
    for (std::int64_t i = 0; i < count; ++i) {
      if (!write(Node::object().add("said", Node::text(text_of(node, "say"))))) break;
    }
    return Result<>{};
  });
  control.add("fail", [](const Node&, const Control::Write&) -> Result<> {
    return fail(Errc::invalid, "not like \"this\"\n");
  });
  control.add("throw",
              [](const Node&, const Control::Write&) -> Result<> { throw std::runtime_error("a bug"); });
  return control;
}

std::vector<std::string> answer(const Control& control, std::string_view text) {
  std::vector<std::string> lines;
  control.answer(text, [&](const Node& line) {
    lines.push_back(config::to_json_line(line));
    return true;
  });
  return lines;
}

struct Desk {
  store::ScratchDirectory scratch;
  std::string path = scratch.file("state.db.control");
  Control control = some_commands();
  std::unique_ptr<ControlServer> server = *ControlServer::open(path, control, [](std::string_view) {});
};

}  // namespace

TEST_CASE("a command's answer ends in how it went") {
  const Control control = some_commands();
  using Lines = std::vector<std::string>;
  CHECK(answer(control, R"({"command": "echo", "say": "a\nb"})") ==
        Lines{R"({"said":"a\u000ab"})", R"({"ok":true})"});
  CHECK(answer(control, R"({"command": "fail"})") ==
        Lines{R"({"error":"not like \"this\"\u000a","status":65})"});
  CHECK(answer(control, R"({"command": "throw"})") == Lines{R"({"error":"failed: a bug","status":70})"});
  CHECK(answer(control, R"({"command": "sing"})") ==
        Lines{R"({"error":"this gateway knows no command \"sing\"","status":65})"});
  CHECK(answer(control, "sing") == Lines{R"({"error":"the request is no JSON object","status":65})"});
  CHECK(answer(control, "[]") == Lines{R"({"error":"the request is no JSON object","status":65})"});
}

TEST_CASE("values go over one line") {
  Node node = Node::object();
  node.add("list",
           Node::list({Node::integer(-1), Node::boolean(false), Node{}, Node::object(), Node::list()}))
      .add("a \"key\"", Node::text("\x1b"));
  CHECK(config::to_json_line(node) == R"({"list":[-1,false,null,{},[]],"a \"key\"":"\u001b"})");
}

TEST_CASE("a gateway is asked over its control socket, also for long answers") {
  Desk desk;
  Node echo = request("echo");
  echo.add("say", Node::text(std::string(1000, 'x'))).add("times", Node::integer(5000));
  auto answered = ask_running(desk.path, echo);
  REQUIRE(answered);
  CHECK(answered->error == "");
  CHECK(answered->written.size() == 5000);
  CHECK(text_of(answered->lines().back(), "said") == std::string(1000, 'x'));
  CHECK(ask_running(desk.path, request("fail"))->error == "not like \"this\"\n");
}

TEST_CASE("a client that asks too much, or goes, leaves the control socket to the next") {
  Desk desk;
  const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(20);
  auto loud = io::LocalStream::connect(desk.path);
  (void)loud->write(std::string(Control::kMaxRequest + 1, 'x') + "\n", deadline);
  CHECK_FALSE(loud->read_line(100, deadline));
  auto gone = io::LocalStream::connect(desk.path);
  REQUIRE(gone->write("{\"command\": \"echo\", \"say\": \"x\", \"times\": 1000000}\n", deadline));
  gone = fail(Errc::closed);
  CHECK(ask_running(desk.path, request("echo"))->written.size() == 1);
}

TEST_CASE("clients that say nothing hold up nobody who does") {
  Desk desk;
  std::vector<io::LocalStream> idle;
  for (int i = 0; i < 40; ++i) idle.push_back(std::move(*io::LocalStream::connect(desk.path)));
  const auto began = std::chrono::steady_clock::now();
  CHECK(ask_running(desk.path, request("echo"))->written.size() == 1);
  CHECK(std::chrono::steady_clock::now() - began < std::chrono::seconds(60));  // of 200
}

TEST_CASE("a control socket closes under a client that says nothing") {
  Desk desk;
  auto idle = io::LocalStream::connect(desk.path);
  REQUIRE(idle);
  desk.server.reset();
  CHECK(ask_running(desk.path, request("echo")).error().code == Errc::not_found);
}

TEST_CASE("only root and the gateway's user may command it") {
  CHECK(may_command(0));
  CHECK(may_command(::geteuid()));
  CHECK_FALSE(may_command(::geteuid() + 4711));
}

TEST_CASE("where no gateway runs its state is asked, unless one has the state") {
  store::ScratchDirectory scratch;
  const std::string file = scratch.file("state.db");
  CHECK(ask_running(control_path(file), request("version")).error().code == Errc::not_found);
  auto answered = ask_state(file, nullptr, request("version"));
  REQUIRE(answered);
  CHECK(answered->written.size() == 1);
  CHECK(answered->error == "");
  auto state = store::StateStore::open(file, system_clock(), [](std::string_view) {});
  REQUIRE(state);
  CHECK(ask_state(file, nullptr, request("version")).error().code == Errc::refused);
}

TEST_CASE("commands wait for each other, and for a gateway that has just begun") {
  store::ScratchDirectory scratch;
  const std::string file = scratch.file("state.db");
  const auto ask_version = [&] { return ask_either(file, [] { return nullptr; }, request("version")); };
  const auto no_trouble = [](std::string_view) {};
  const store::StateLimits of_a_command{.brief = true};
  auto state = store::StateStore::open(file, system_clock(), no_trouble, of_a_command);
  auto gateway = std::async(std::launch::async,
                            [&] { return store::StateStore::open(file, system_clock(), no_trouble); });
  gateway.wait_for(std::chrono::milliseconds(300));  // who does not wait has been refused by now
  state->reset();
  state = gateway.get();
  REQUIRE(state);
  auto command = std::async(std::launch::async, ask_version);
  command.wait_for(std::chrono::milliseconds(300));
  state->reset();
  CHECK(command.get());
  std::vector<std::future<Result<ControlAnswer>>> many;
  for (int i = 0; i < 8; ++i) many.push_back(std::async(std::launch::async, ask_version));
  for (auto& one : many) CHECK(one.get());
}
