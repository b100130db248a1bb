// What is wrong with stated sessions, and what they do not test.
#include <doctest/doctest.h>

#include "proxy/session_tests.h"
#include "tests/unit/conf_d.h"

using namespace sallyport;
using namespace sallyport::proxy;
using sallyport::test::ConfD;

namespace {

constexpr const char* kSite = R"({
  "hostname": "mx.site.test",
  "domains": {"site.test": {"route": "r"}},
  "routes": {"r": {"hosts": ["10.0.0.1:25"]}},
  "outbound": {"route": "r"},
  "role_mailbox": "it@site.test",
  "lists": {"allow": "lists/allow", "block": "lists/block"},
  "listeners": {"mx": {"bind": ["127.0.0.1:2525"], "tls": "none"}%s}})";
constexpr const char* kSubmission =
    R"(, "inside": {"bind": ["127.0.0.1:2587"], "tls": "none", "auth": "required"})";

struct Run {
  explicit Run(const std::string& sessions, const char* more_listeners = "") {
    std::string site = kSite;
    site.replace(site.find("%s"), 2, more_listeners);
    conf.file("10-site.json", site)
        .file("lists/allow", "# friends\nfriend.test\n192.0.2.7\n")
        .file("lists/block", "192.0.2.9\n")
        .file("20.test.json", sessions);
    const auto settings = load(conf.path(), {}, diagnostics);
    REQUIRE_MESSAGE(settings, diagnostics.to_string());
    config::Diagnostics told_by_tests;
    counted = run_session_tests(conf.path(), settings, told_by_tests);
    told = told_by_tests.to_string();
  }

  ConfD conf;
  config::Diagnostics diagnostics;
  SessionTests counted;
  std::string told;
};

bool has(const std::string& text, const std::string& part) { return text.find(part) != std::string::npos; }

std::string session(const std::string& client, const std::string& to, const std::string& more = "") {
  return R"({"name": "one", "client": ")" + client +
         R"(", "helo": "h.test", "from": "joe@stranger.test", "to": )" + to + more + "}";
}

}  // namespace

TEST_CASE("all that is wrong with stated sessions is told at once") {
  const Run run(R"({"zone": ["a b c d"], "sessions": [
    {"name": "one", "helo": "a b", "from": "joe", "to": {"an na": "accept"}},
    {"name": "two", "client": "192.0.2.1", "helo": "h", "from": "<>", "listener": "mxx", "to": {"anna@site.test": "acept"}},
    )" + session("192.0.2.1", R"({"anna@site.test": "accept"})", R"(, "listener": "mxx")") +
                "]}");
  for (const char* told :
       {"20.test.json:2:5: error: sessions: \"client\" is missing",
        "20.test.json:2:29: error: sessions.helo", "20.test.json:2:44: error: sessions.from",
        "\"an na\" is no address", "did you mean \"accept\"?", "there is no listener \"mxx\"",
        "20.test.json:1:11: error"})
    CHECK_MESSAGE(has(run.told, told), run.told);
}

TEST_CASE("a file of tests that is empty is no configuration to be completed") {
  CHECK(has(Run("").told, "20.test.json: error: the file is empty, and states no session"));
  CHECK(has(Run(" \n").told, "the file is empty"));
  CHECK(has(Run("{}").told, "20.test.json:1:1: error: \"sessions\" is missing"));
}

TEST_CASE("sessions that test nothing, and users who cannot log in, are warned of") {
  CHECK(has(Run(R"({"sessions": []})").told, "20.test.json:1:14: warning: no session is stated"));
  const Run nobody(R"({"sessions": [)" + session("192.0.2.1", "{}") + "]}");
  CHECK(has(nobody.told, "warning: session \"one\" has no recipient"));
  const std::string user =
      session("192.0.2.1", R"({"x@elsewhere.test": "accept"})", R"(, "authenticated": "anna")");
  CHECK(has(Run(R"({"sessions": [)" + user + "]}").told, "warning: nobody can log in at the listener mx"));
  const Run inside(R"({"sessions": [)" + user + "]}", kSubmission);  // where users come in
  CHECK_MESSAGE(inside.told.empty(), inside.told);
}

TEST_CASE("a session that ends otherwise says which line of a list decided") {
  const auto told = [](const char* client, const char* stated) {
    return Run(R"({"sessions": [)" +
               session(client, std::string(R"({"anna@site.test": ")") + stated + "\"}") + "]}")
        .told;
  };
  CHECK_MESSAGE(has(told("192.0.2.7", "reject"), "; allowed by "), told("192.0.2.7", "reject"));
  CHECK(has(told("192.0.2.7", "reject"), "lists/allow:3"));
  CHECK_MESSAGE(has(told("192.0.2.9", "accept"), "lists/block:1"), told("192.0.2.9", "accept"));
}
