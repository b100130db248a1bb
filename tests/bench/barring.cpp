// What a barring list of many lines costs: CPU time to load, memory held, time of an answer.
//
//   build/bench/tests/bench/barring [LINES]     1,000,000 by default
#include <fmt/format.h>
#include <malloc.h>
#include <time.h>

#include <algorithm>
#include <charconv>
#include <chrono>
#include <cstring>
#include <random>
#include <vector>

#include "policy/wildcard_lint.h"

using namespace sallyport::policy;

namespace {

std::mt19937_64 engine(1);  // NOLINT: the same lists in every run

std::size_t below(std::size_t end) { return engine() % end; }

std::string word(std::size_t shortest, std::size_t longest) {
  static constexpr std::string_view letters = "etaoinshrdlcumwfgypbvk-0123456789";
  std::string out(shortest + below(longest - shortest + 1), ' ');
  for (char& c : out) c = letters[below(letters.size())];
  return out;
}

std::string domain() {
  static constexpr const char* ends[] = {".com", ".net", ".org", ".de", ".co.uk", ".info"};
  return word(4, 14) + ends[below(std::size(ends))];
}

std::string address_line() { return word(4, 12) + "@" + domain(); }
std::string domain_line() { return "*@" + domain(); }
std::string inner_line() { return "*" + word(4, 9) + "*@*" + word(5, 9) + "*"; }
// As block lists are: mostly domains and addresses, some clearing lines, some with wildcards inside.
std::string mixed_line() {
  switch (below(20)) {
    case 0:
      return "~" + address_line();
    case 1:
      return "*." + domain();
    case 2:
      return word(4, 10) + "*";
    case 3:
      return inner_line();
    default:
      return below(2) == 0 ? address_line() : domain_line();
  }
}

double cpu_seconds() {
  timespec now{};
  clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
  return static_cast<double>(now.tv_sec) + 1e-9 * static_cast<double>(now.tv_nsec);
}

std::size_t allocated() {
  const auto state = mallinfo2();
  return state.uordblks + state.hblkhd;
}

// Half of them barred by a line, half of nobody's.
std::vector<std::string> questions(const std::vector<std::string>& lines) {
  std::vector<std::string> out;
  for (int i = 0; i < 200'000; ++i) {
    std::string address = below(2) == 0 ? lines[below(lines.size())] : address_line();
    std::erase(address, '~');
    for (auto star = address.find('*'); star != std::string::npos; star = address.find('*'))
      address.replace(star, 1, "ab");
    out.push_back(std::move(address));
  }
  return out;
}

struct Answers {
  double median = 0, p99 = 0;  // microseconds
  std::size_t barred = 0;
};

Answers ask(const WildcardList& list, const std::vector<std::string>& asked) {
  Answers answers;
  std::vector<double> times;
  for (const std::string& address : asked) {
    const auto began = std::chrono::steady_clock::now();
    answers.barred += list.bars(address) ? 1 : 0;
    const std::chrono::duration<double, std::micro> took = std::chrono::steady_clock::now() - began;
    times.push_back(took.count());
  }
  std::ranges::sort(times);
  answers.median = times[times.size() / 2];
  answers.p99 = times[times.size() * 99 / 100];
  return answers;
}

void measure(const char* name, std::size_t count, std::string (*line)()) {
  std::vector<std::string> lines;
  std::string text;
  for (std::size_t i = 0; i < count; ++i) text += lines.emplace_back(line()) + "\n";
  const auto asked = questions(lines);
  const std::size_t before = allocated();
  double began = cpu_seconds();
  std::vector<ListFault> faults;
  const auto list = WildcardList::parse(text, name, faults);
  const double load = cpu_seconds() - began;
  const double held = static_cast<double>(allocated() - before) / static_cast<double>(text.size());
  const Answers answers = ask(list, asked);
  began = cpu_seconds();
  const auto lints = lint_wildcard_list(text, list);
  fmt::print("| {} | {} | {:.1f} | {:.2f} | {:.1f} | {:.1f} | {:.1f} | {:.1f} |\n", name, count,
             static_cast<double>(text.size()) * 1e-6, load, held, answers.median, answers.p99,
             cpu_seconds() - began);
}

}  // namespace

int main(int count, char** words) {
  std::size_t lines = 1'000'000;
  if (count > 1) std::from_chars(words[1], words[1] + std::strlen(words[1]), lines);
  fmt::print(
      "| list | lines | MB | CPU s to load | memory / file | p50 µs | p99 µs | CPU s to lint |\n"
      "| --- | --- | --- | --- | --- | --- | --- | --- |\n");
  measure("mixed", lines, mixed_line);
  measure("addresses", lines, address_line);
  measure("domains", lines, domain_line);
  measure("wildcards inside", lines, inner_line);
}
