// D08: lists that list everything, or nothing, or do not answer.
#include "dns/list_watch.h"
#include "tests/unit/dns_support.h"

using namespace sallyport;
using namespace sallyport::dns;
using namespace sallyport::dns::testing;

namespace {

constexpr const char* kGood = "2.0.0.127.bl.example. A 127.0.0.2\n";

struct Watch {
  explicit Watch(std::vector<Family> families = {Family::ipv4}) {
    WatchedList list{name("bl.example"), "bl.example", {}, std::chrono::seconds(2)};
    for (const Family family : families)
      list.families.at(static_cast<std::size_t>(family)) = usual_test_points(family);
    lists = std::make_unique<ListWatch>(std::vector{list}, system_clock(), [this](auto level, auto text) {
      news.push_back(std::string(level) + ": " + std::string(text));
    });
  }

  void test(const std::string& text) {
    wait([&](Resolver& records) { return lists->test(records); }, text);
  }
  void probe(const std::string& text) {
    wait([&](Resolver& records) { return lists->probe(records); }, text);
  }
  bool may_ask(Family family = Family::ipv4) const {
    return lists->standing(0, family) == ListWatch::Standing::asked;
  }

  std::vector<std::string> news;
  std::unique_ptr<ListWatch> lists;

 private:
  template <class Begin>
  void wait(Begin begin, const std::string& text) {
    auto records = zone(text);
    io::EventLoop loop;
    loop.run(begin(records));
  }
};

}  // namespace

TEST_CASE("D08 lists: a good one has its test entry and nothing else, and is asked in silence") {
  Watch watch;
  CHECK(watch.may_ask());
  CHECK_FALSE(watch.may_ask(Family::domain));
  watch.test(kGood);
  CHECK(watch.may_ask());
  CHECK(watch.news.empty());
}

TEST_CASE("D08 lists: one that lists the world is set aside, said once, and comes back") {
  Watch watch;
  for (int times = 0; times < 2; ++times) watch.test("*.bl.example. A 127.0.0.2\n");
  CHECK_FALSE(watch.may_ask());
  CHECK(watch.news ==
        std::vector<std::string>{"error: list bl.example lists 127.0.0.1, as a list does that lists "
                                 "everything: set aside for IPv4 addresses"});
  watch.test(kGood);
  CHECK(watch.may_ask());
  CHECK(watch.news.back() ==
        "info: list bl.example no longer lists 127.0.0.1: asked again for IPv4 addresses");
}

TEST_CASE("D08 lists: each family for itself") {
  Watch watch({Family::ipv4, Family::ipv6, Family::domain});
  const std::string six =
      "0.0.0.0.0.f.7.f.f.f.f.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.bl.example. A 127.0.0.2\n";
  watch.test(kGood + ("2." + six) + "test.bl.example. A 127.0.0.2\ninvalid.bl.example. A 127.0.0.2\n");
  CHECK(watch.may_ask(Family::ipv4));
  CHECK(watch.may_ask(Family::ipv6));
  CHECK_FALSE(watch.may_ask(Family::domain));
  CHECK(watch.news.size() == 1);
  watch.test(kGood + ("1." + six) + ("2." + six) + "test.bl.example. A 127.0.0.2\n");
  CHECK_FALSE(watch.may_ask(Family::ipv6));
  CHECK(watch.may_ask(Family::domain));
}

TEST_CASE("D08 lists: one that lists nothing, or does not answer us, draws a warning and is asked") {
  Watch watch;
  watch.test("");
  CHECK(watch.may_ask());
  REQUIRE(watch.news.size() == 1);
  CHECK(watch.news[0] ==
        "warning: list bl.example does not have its test entry 127.0.0.2 for IPv4 addresses: is the "
        "zone spelt right?");
  watch.test("*.bl.example. A 127.255.255.254\n");
  CHECK(watch.may_ask());
  REQUIRE(watch.news.size() == 2);
  CHECK(watch.news[1].starts_with("warning: list bl.example answers, but not us"));
}

TEST_CASE("D08 lists: a dead one costs one time-out, until a probe is answered") {
  Watch watch;
  for (int times = 0; times < 3; ++times) watch.lists->heard(0, ListAnswer::Result::temporary);
  CHECK_FALSE(watch.may_ask());
  CHECK(watch.news ==
        std::vector<std::string>{"warning: list bl.example does not answer: not asked until it does"});
  watch.probe("bl.example. TIMEOUT\n*.bl.example. TIMEOUT\n");
  CHECK_FALSE(watch.may_ask());
  watch.probe(kGood);
  CHECK(watch.may_ask());
  CHECK(watch.news.back() == "info: list bl.example answers again");
  watch.test("*.bl.example. SERVFAIL\n");
  CHECK_FALSE(watch.may_ask());
  // Nothing is judged by a test that was not answered, and a probe is a whole one.
  CHECK(watch.news.back() == "warning: list bl.example does not answer: not asked until it does");
  watch.probe("*.bl.example. A 127.0.0.2\n");
  CHECK_FALSE(watch.may_ask());
  CHECK(watch.news.at(watch.news.size() - 2).starts_with("error: list bl.example lists 127.0.0.1"));
}

namespace {

io::Task<> stop_soon(ListWatch& watch) {
  co_await io::sleep_for(std::chrono::milliseconds(0));
  watch.stop();
}

io::Task<> keep_and_stop(ListWatch& watch, Resolver& records, io::TaskGroup& tasks) {
  tasks.spawn(co_await io::this_executor(), "stop", stop_soon(watch));
  co_await watch.keep(records);
}

}  // namespace

TEST_CASE("watching lists begins with a test, and ends when it is told to") {
  Watch watch;
  auto records = zone("*.bl.example. A 127.0.0.2\n");
  io::TaskGroup tasks(nullptr);
  io::EventLoop loop;
  loop.run(keep_and_stop(*watch.lists, records, tasks));
  CHECK_FALSE(watch.may_ask());
}
