// What a greylist decision costs while millions of triplets are stored: how many a second, how long one
// takes while the writer commits, memory for each triplet, and how long a start takes.
//
//   build/bench/tests/bench/greylist --directory DIR --fill [--triplets N]
//   build/bench/tests/bench/greylist --directory DIR [--triplets N] [--seconds S] [--rate R] [--threads T]
//
// The first makes the store, the second measures it. One in ten decisions writes: half of those are new,
// half renew what is stored. Prints one JSON object.
#include "proxy/greylist.h"

#include <fmt/format.h>
#include <time.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <atomic>
#include <filesystem>
#include <fstream>
#include <random>
#include <thread>
#include <vector>

namespace sallyport::bench {
namespace {

using Steady = std::chrono::steady_clock;
using Microseconds = std::chrono::duration<double, std::micro>;
using Seconds = std::chrono::duration<double>;

struct Options {
  std::string directory;
  std::size_t triplets = 10'000'000;
  double seconds = 20;
  double rate = 100'000;  // a second, by all threads together; 0: as fast as they can
  int threads = 2;
  bool fill = false;
};

constexpr std::size_t kWrites = 20;     // one in so many is new, and one in so many renewed
constexpr std::size_t kBatch = 50'000;  // waiting for the disk while the store is filled

const policy::GreylistSettings kSettings{};

mail::Path path(std::string_view text) {
  mail::Path path;
  (void)mail::parse_path(text, {}, path);
  return path;
}

proxy::GreylistCase triplet(std::size_t number) {
  return {{policy::ClientIdentity::Kind::network,
           fmt::format("{}.{}.{}.0/24", 20 + number % 200, number / 200 % 250, number / 50'000 % 250)},
          path(fmt::format("user{}@domain{}.test", number, number % 100'003)),
          path(fmt::format("someone{}@example.com", number % 5'003))};
}

// Renewed by the next use: it was here three days ago. The others were an hour ago.
bool is_old(std::size_t number) { return number % kWrites == 0; }

std::size_t resident_octets() {
  std::ifstream file("/proc/self/statm");
  std::size_t whole = 0, resident = 0;
  file >> whole >> resident;
  return resident * static_cast<std::size_t>(sysconf(_SC_PAGESIZE));
}

double cpu_seconds() {
  timespec now{};
  clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
  return static_cast<double>(now.tv_sec) + 1e-9 * static_cast<double>(now.tv_nsec);
}

double seconds_since(Steady::time_point began) { return Seconds(Steady::now() - began).count(); }

void wait_until_written(const store::StateStore& state, std::size_t most) {
  while (state.figures().unwritten > most) std::this_thread::sleep_for(std::chrono::milliseconds(1));
}

void fill(store::StateStore& state, std::size_t triplets) {
  const WallTime now = state.now();
  for (std::size_t number = 0; number < triplets; ++number) {
    const auto one = triplet(number);
    const WallTime last = now - (is_old(number) ? std::chrono::hours(72) : std::chrono::hours(1));
    const policy::GreylistRecord record{last - std::chrono::hours(1), last, true};
    state.put("greylist", policy::greylist_key(one.identity, one.sender, one.recipient), record.packed(),
              last + kSettings.remember);
    if (number % kBatch == 0) wait_until_written(state, kBatch);
  }
  wait_until_written(state, 0);
}

std::unique_ptr<store::StateStore> open(const Options& options) {
  auto state = store::StateStore::open(options.directory + "/state.db", system_clock(),
                                       [](std::string_view what) { fmt::print(stderr, "{}\n", what); });
  if (!state) throw std::runtime_error(state.error().detail);
  return std::move(*state);
}

struct Shared {
  const Options& options;
  proxy::Greylist& greylist;
  std::atomic<std::size_t> next_new;
  std::atomic<bool> stop = false;
};

struct Tally {
  std::vector<float> times;  // microseconds of each decision
  std::size_t deferred = 0;
};

std::size_t choose(Shared& shared, std::mt19937_64& engine) {
  const std::size_t dice = engine() % kWrites;
  if (dice == 0) return shared.next_new++;
  const std::size_t known = engine() % shared.options.triplets / kWrites * kWrites;
  return dice == 1 ? known : std::min(known + dice, shared.options.triplets - 1);
}

void decide(Shared& shared, int thread, double rate, Tally& tally) {
  std::mt19937_64 engine(static_cast<unsigned>(thread) + 1);
  auto due = Steady::now();
  const auto between =
      std::chrono::duration_cast<Steady::duration>(Seconds(rate > 0 ? shared.options.threads / rate : 0));
  while (!shared.stop) {
    const auto one = triplet(choose(shared, engine));
    for (due += between; rate > 0 && Steady::now() < due;)
      if (due - Steady::now() > std::chrono::milliseconds(1))
        std::this_thread::sleep_for(std::chrono::microseconds(200));
    const auto began = Steady::now();
    const auto standing = shared.greylist.look(one, kSettings);
    shared.greylist.keep(one, standing, kSettings);
    tally.times.push_back(static_cast<float>(Microseconds(Steady::now() - began).count()));
    tally.deferred += standing.defers() ? 1 : 0;
  }
}

// All threads for so many seconds, and what they counted as JSON.
std::string run(Shared& shared, double rate) {
  std::vector<Tally> tallies(static_cast<std::size_t>(shared.options.threads));
  std::vector<std::thread> threads;
  shared.stop = false;
  const auto began = Steady::now();
  const double cpu = cpu_seconds();
  for (int i = 0; i < shared.options.threads; ++i)
    threads.emplace_back([&, i] { decide(shared, i, rate, tallies[static_cast<std::size_t>(i)]); });
  std::this_thread::sleep_for(Seconds(shared.options.seconds));
  shared.stop = true;
  for (auto& thread : threads) thread.join();
  const double took = seconds_since(began), spent = cpu_seconds() - cpu;
  std::vector<float> times;
  std::size_t deferred = 0;
  for (const Tally& tally : tallies) {
    times.insert(times.end(), tally.times.begin(), tally.times.end());
    deferred += tally.deferred;
  }
  std::ranges::sort(times);
  return fmt::format(
      R"({{"per_second": {:.0f}, "cpu_us": {:.2f}, "p50_us": {:.2f}, "p99_us": {:.2f}, "p999_us": {:.2f}, )"
      R"("most_us": {:.0f}, "deferred": {:.4f}}})",
      static_cast<double>(times.size()) / took, 1e6 * spent / static_cast<double>(times.size()),
      times[times.size() / 2], times[times.size() * 99 / 100], times[times.size() * 999 / 1000],
      times.back(), static_cast<double>(deferred) / static_cast<double>(times.size()));
}

void make(const Options& options) {
  const auto began = Steady::now();
  fill(*open(options), options.triplets);
  fmt::print(R"({{"fill_seconds": {:.1f}}})"
             "\n",
             seconds_since(began));
}

void measure(const Options& options) {
  const std::size_t before = resident_octets();
  const auto began = Steady::now();
  const auto state = open(options);
  const double opened = seconds_since(began);
  while (!state->is_complete("greylist")) std::this_thread::sleep_for(std::chrono::milliseconds(1));
  const double complete = seconds_since(began);
  const std::size_t held = resident_octets() - before;
  const std::size_t file = std::filesystem::file_size(options.directory + "/state.db");
  proxy::Greylist greylist(*state);
  Shared shared{options, greylist, options.triplets};
  const std::string paced = run(shared, options.rate);
  const std::string fastest = run(shared, 0);
  fmt::print(
      R"({{"triplets": {}, "open_seconds": {:.2f}, "complete_seconds": {:.2f}, "octets_each": {:.0f}, )"
      R"("file_octets_each": {:.0f}, "paced": {}, "fastest": {}}})"
      "\n",
      options.triplets, opened, complete, static_cast<double>(held) / static_cast<double>(options.triplets),
      static_cast<double>(file) / static_cast<double>(options.triplets), paced, fastest);
}

int main_program(int argc, char** argv) {
  Options options;
  CLI::App app("What a greylist decision costs");
  app.add_option("--directory", options.directory, "where the state file is made")->required();
  app.add_flag("--fill", options.fill, "make the store, and measure nothing");
  app.add_option("--triplets", options.triplets)->check(CLI::Range(1'000, 11'000'000));
  app.add_option("--seconds", options.seconds, "of each run");
  app.add_option("--rate", options.rate, "decisions a second, of all threads together");
  app.add_option("--threads", options.threads)->check(CLI::Range(1, 64));
  CLI11_PARSE(app, argc, argv);
  options.fill ? make(options) : measure(options);
  return 0;
}

}  // namespace
}  // namespace sallyport::bench

int main(int argc, char** argv) { return sallyport::bench::main_program(argc, argv); }
