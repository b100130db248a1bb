// What is looked up and counted for each recipient of a stranger, beside the DNS: who it is, its rates, its
// penalty, and whether it is a correspondent. CPU time of each, with up to a million records in the state.
//
//   build/bench/tests/bench/accounts [TIMES]     1,000,000 by default
//
// Instructions of one case, two runs apart:
//   valgrind --tool=callgrind --callgrind-out-file=/dev/null --toggle-collect='*measured*' \
//     build/bench/tests/bench/accounts 1000 CASE
#include <fmt/format.h>
#include <time.h>

#include <algorithm>
#include <charconv>
#include <cstring>
#include <functional>

#include "proxy/correspondents.h"
#include "proxy/penalties.h"
#include "proxy/rates.h"

namespace sallyport::bench {
namespace {

constexpr std::size_t kMostClients = 250'000;  // each with a record of each kind

double cpu_seconds() {
  timespec now{};
  clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
  return static_cast<double>(now.tv_sec) + 1e-9 * static_cast<double>(now.tv_nsec);
}

mail::Path path(const std::string& text) {
  mail::Path path;
  (void)mail::parse_path(text, {}, path);
  return path;
}

IpAddress address(std::size_t number) {
  return *IpAddress::parse(fmt::format("203.{}.{}.7", number / 256 % 256, number % 256));
}

struct Stranger {
  mail::Evidence evidence;
  policy::ClientIdentities who;
  mail::Path sender, recipient;
};

Stranger stranger(std::size_t number) {
  Stranger one;
  one.evidence.client = address(number);
  mail::Fact spf;
  spf.key = {mail::Check::spf_mailfrom};
  spf.finding = mail::Finding::spf_pass;
  spf.subject = fmt::format("mail.domain{}.example", number);
  one.evidence.known.push_back(std::make_shared<const mail::Fact>(std::move(spf)));
  one.who = policy::identities(one.evidence);
  one.sender = path(fmt::format("user{}@mail.domain{}.example", number, number));
  one.recipient = path(fmt::format("someone{}@example.com", number % 1'000));
  return one;
}

struct Bench {
  std::unique_ptr<store::StateStore> state =
      std::move(*store::StateStore::open("", system_clock(), [](std::string_view) {}));
  proxy::Rates rates{*state};
  proxy::Penalties penalties{*state};
  proxy::Correspondents correspondents{*state};
  const policy::PenaltySettings penalty{};
  const policy::CorrespondentSettings known{};

  proxy::RateCase rate(const Stranger& one, policy::Rated rated) const {
    return {rated, {500, std::chrono::hours(1)}, one.who.accountable.name};
  }

  void fill(std::size_t clients) {
    for (std::size_t number = 0; number < clients; ++number) {
      const Stranger one = stranger(number);
      (void)rates.take(rate(one, policy::Rated::recipients));
      penalties.taken({one.evidence.client, one.who.accountable}, penalty);
      correspondents.learn(one.recipient, one.sender, known);
    }
  }
};

using Work = std::function<void(Bench&, const Stranger&)>;

struct Case {
  const char* name;
  const char* what;
  Work work;
};

const Case kCases[] = {
    {"who", "who it is", [](Bench&, const Stranger& one) { (void)policy::identities(one.evidence); }},
    {"look", "a rate looked at",
     [](Bench& bench, const Stranger& one) {
       (void)bench.rates.look(bench.rate(one, policy::Rated::recipients));
     }},
    {"held", "a rate held and given back",
     [](Bench& bench, const Stranger& one) {
       proxy::HeldRates held(bench.rates);
       (void)held.take(bench.rate(one, policy::Rated::recipients));
     }},
    {"penalty", "the penalty",
     [](Bench& bench, const Stranger& one) {
       (void)bench.penalties.look({one.evidence.client, one.who.accountable}, bench.penalty);
     }},
    {"known", "a correspondent",
     [](Bench& bench, const Stranger& one) {
       (void)bench.correspondents.look(one.sender, one.recipient, bench.known);
     }},
    {"unknown", "nobody's correspondent",
     [](Bench& bench, const Stranger& one) {
       (void)bench.correspondents.look(one.recipient, one.sender, bench.known);
     }},
};

[[gnu::noinline]] void measured(Bench& bench, const Work& work, const std::vector<Stranger>& strangers,
                                std::size_t times) {
  for (std::size_t i = 0; i < times; ++i) work(bench, strangers[i * 7'919 % strangers.size()]);
}

void run(std::size_t times, std::string_view chosen) {
  const std::size_t clients = std::clamp<std::size_t>(10 * times, 1, kMostClients);
  Bench bench;
  bench.fill(clients);
  std::vector<Stranger> strangers;
  for (std::size_t i = 0; i < 5'000; ++i) strangers.push_back(stranger(i * 49 % clients));
  for (const Case& one : kCases) {
    if (!chosen.empty() && chosen != one.name) continue;
    const double began = cpu_seconds();
    measured(bench, one.work, strangers, times);
    fmt::print("{:8} {:28} {:8.0f} ns\n", one.name, one.what,
               1e9 * (cpu_seconds() - began) / static_cast<double>(times));
  }
}

}  // namespace
}  // namespace sallyport::bench

int main(int argc, char** argv) {
  std::size_t times = 1'000'000;
  if (argc > 1) std::from_chars(argv[1], argv[1] + std::strlen(argv[1]), times);
  sallyport::bench::run(times, argc > 2 ? argv[2] : "");
}
