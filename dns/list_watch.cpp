#include "dns/list_watch.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "base/io/together.h"

namespace sallyport::dns {
namespace {

using Result = ListAnswer::Result;

std::string_view word(Family family) {
  switch (family) {
    case Family::ipv4:
      return "IPv4 addresses";
    case Family::ipv6:
      return "IPv6 addresses";
    case Family::domain:
      return "domains";
  }
  std::unreachable();
}

std::string shown(const Subject& subject) {
  if (const auto* address = std::get_if<IpAddress>(&subject)) return address->to_string();
  return std::get<Name>(subject).text();
}

}  // namespace

struct ListWatch::State {
  std::atomic<bool> open{false};  // the breaker
  std::atomic<int> late{0};       // time-outs in a row
  std::array<std::atomic<bool>, kFamilies> aside{};
};

TestPoints usual_test_points(Family family) {
  if (family == Family::domain) return {*Name::parse("test"), *Name::parse("invalid")};
  if (family == Family::ipv4) return {IpAddress::v4(0x7f000002), IpAddress::v4(0x7f000001)};
  // ::ffff:127.0.0.2 as a list of IPv6 addresses has it: an IpAddress would be IPv4 (RFC 5782 5).
  return {*Name::parse("2.0.0.0.0.0.f.7.f.f.f.f.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0"),
          *Name::parse("1.0.0.0.0.0.f.7.f.f.f.f.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0")};
}

ListWatch::ListWatch(std::vector<WatchedList> lists, const Clock& clock, OnNews on_news)
    : lists_(std::move(lists)),
      clock_(clock),
      on_news_(std::move(on_news)),
      states_(std::make_unique<State[]>(lists_.size())) {}

ListWatch::~ListWatch() = default;

// Whom stop() wakes, for as long as there is somebody.
class ListWatch::Waking {
 public:
  Waking(io::Signal*& place, io::Signal& wake) : place_(place) { place_ = &wake; }
  ~Waking() { place_ = nullptr; }
  Waking(const Waking&) = delete;
  Waking& operator=(const Waking&) = delete;

 private:
  io::Signal*& place_;
};

ListWatch::Standing ListWatch::standing(std::size_t list, Family family) const {
  const State& state = states_[list];
  const auto place = static_cast<std::size_t>(family);
  if (!lists_[list].families.at(place)) return Standing::not_meant;
  if (state.open.load(std::memory_order_relaxed)) return Standing::not_answering;
  return state.aside.at(place).load(std::memory_order_relaxed) ? Standing::set_aside : Standing::asked;
}

// A list that is dead costs kCost at most, not so many time-outs: a short one is soon missed.
void ListWatch::heard(std::size_t list, Result result) {
  State& state = states_[list];
  if (result != Result::temporary) {
    if (state.late.load(std::memory_order_relaxed) != 0) state.late = 0;
    return;
  }
  if (++state.late * lists_[list].timeout >= kCost) set_open(list, true);
}

void ListWatch::set_open(std::size_t list, bool open) {
  if (states_[list].open.exchange(open) == open) return;
  states_[list].late = 0;
  if (open)
    on_news_("warning",
             fmt::format("list {} does not answer: not asked until it does", lists_[list].shown));
  else
    on_news_("info", fmt::format("list {} answers again", lists_[list].shown));
}

io::Task<> ListWatch::test(Resolver& resolver) {
  std::vector<io::Task<>> tasks;
  for (std::size_t list = 0; list < lists_.size(); ++list) tasks.push_back(test_one(resolver, list));
  co_await io::together(std::move(tasks));
}

// Asked by strangers only while all of its families could be tested.
io::Task<> ListWatch::test_one(Resolver& resolver, std::size_t list) {
  bool answered = true;
  std::vector<io::Task<>> tasks;
  for (const Family family : {Family::ipv4, Family::ipv6, Family::domain})
    if (lists_[list].families.at(static_cast<std::size_t>(family)))
      tasks.push_back(test_family(resolver, list, family, answered));
  co_await io::together(std::move(tasks));
  set_open(list, !answered);
}

io::Task<> ListWatch::test_family(Resolver& resolver, std::size_t list, Family family, bool& answered) {
  const TestPoints points = *lists_[list].families.at(static_cast<std::size_t>(family));
  const ListAnswer listed = co_await ask_now(resolver, list, points.listed);
  const ListAnswer clear = co_await ask_now(resolver, list, points.clear);
  if (listed.result == Result::temporary || clear.result == Result::temporary)
    answered = false;
  else
    judge(list, family, listed, clear);
}

void ListWatch::judge(std::size_t list, Family family, const ListAnswer& listed, const ListAnswer& clear) {
  const TestPoints& points = *lists_[list].families.at(static_cast<std::size_t>(family));
  if (clear.result == Result::clear) set_aside(list, family, false);
  if (clear.result == Result::listed) set_aside(list, family, true);
  const std::string& name = lists_[list].shown;
  if (listed.result == Result::silent || clear.result == Result::silent)
    on_news_("warning",
             fmt::format("list {} answers, but not us: its code says that we may not ask, or somebody "
                         "answers in its place. Is the resolver a public one?",
                         name));
  else if (listed.result == Result::clear)
    on_news_("warning",
             fmt::format("list {} does not have its test entry {} for {}: is the zone spelt right?", name,
                         shown(points.listed), word(family)));
}

void ListWatch::set_aside(std::size_t list, Family family, bool aside) {
  const auto place = static_cast<std::size_t>(family);
  if (states_[list].aside.at(place).exchange(aside) == aside) return;
  const std::string entry = shown(lists_[list].families.at(place)->clear);
  if (aside)
    on_news_("error",
             fmt::format("list {} lists {}, as a list does that lists everything: set aside for {}",
                         lists_[list].shown, entry, word(family)));
  else
    on_news_("info", fmt::format("list {} no longer lists {}: asked again for {}", lists_[list].shown,
                                 entry, word(family)));
}

io::Task<> ListWatch::probe(Resolver& resolver) {
  std::vector<io::Task<>> tasks;
  for (std::size_t list = 0; list < lists_.size(); ++list)
    if (states_[list].open) tasks.push_back(test_one(resolver, list));
  co_await io::together(std::move(tasks));
}

io::Task<ListAnswer> ListWatch::ask_now(Resolver& resolver, std::size_t list, Subject subject) {
  const WatchedList& asked = lists_[list];
  const Asking fresh{clock_.now() + std::max<Duration>(asked.timeout, kCost), true};
  co_return co_await ask_list(resolver, clock_, asked.zone, std::move(subject), fresh);
}

io::Task<> ListWatch::keep(Resolver& resolver) {
  io::Signal wake(co_await io::this_executor());
  const Waking waking(wake_, wake);
  TimePoint next_test = clock_.now();
  while (!stopping_) {
    try {
      co_await test_or_probe(resolver, next_test);
    } catch (const std::exception& error) {
      on_news_("error", fmt::format("a test of the lists broke off: {}", error.what()));
    }
    if (!stopping_) co_await wake.wait(clock_.now() + kBetweenProbes);
  }
}

io::Task<> ListWatch::test_or_probe(Resolver& resolver, TimePoint& next_test) {
  if (clock_.now() < next_test) co_return co_await probe(resolver);
  co_await test(resolver);
  next_test = clock_.now() + kBetweenTests;
}

void ListWatch::stop() {
  stopping_ = true;
  if (wake_) wake_->notify();
}

}  // namespace sallyport::dns
