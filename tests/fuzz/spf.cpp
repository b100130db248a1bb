// SPF records: whatever they say, asking stays within its limits, and only names are asked for.
#include "dns/spf.h"

#include <set>

#include "base/io/event_loop.h"
#include "dns/spf_macro.h"
#include "dns/spf_record.h"
#include "tests/fuzz/promise.h"
#include "tests/fuzz/targets.h"

namespace sallyport::fuzz {
namespace {

using dns::AnswerPtr;
using dns::Question;
using dns::Type;

// Three domains, a.x to c.x, have a record each; addresses are there, or not, by the name's length.
class Records final : public dns::Resolver {
 public:
  explicit Records(std::vector<std::string> texts) : texts_(std::move(texts)) {}

  io::Task<AnswerPtr> ask(Question question, dns::Asking asking) override {
    promise(question.name.wire().size() <= dns::Name::kMaxWire, "only names are asked for");
    promise(asking.deadline != TimePoint::max(), "every question has a deadline");
    promise(++asked_ <= kMost, "questions are bounded");
    co_return answer(question);
  }
  int asked() const { return asked_; }

 private:
  // RFC 7208 4.6.4: ten terms that ask, each with ten more; the record itself, and an explanation.
  static constexpr int kMost = 10 * 12 + 12 + 12;

  AnswerPtr answer(const Question& question) const {
    auto answer = std::make_shared<dns::Answer>();
    const std::string& name = question.name.text();
    answer->status = dns::Status::no_data;
    answer->owner = question.name;
    if (question.type == Type::txt) {
      if (name.size() == 3 && name.ends_with(".x") && name[0] >= 'a' &&
          name[0] < 'a' + static_cast<int>(texts_.size()))
        add(*answer, texts_[static_cast<std::size_t>(name[0] - 'a')]);
    } else if (question.type == Type::mx || question.type == Type::ptr) {
      for (int count = 0; count < 12; ++count) {
        const auto host = *dns::Name::parse(std::string("h") + std::to_string(count) + ".a.x");
        if (question.type == Type::mx)
          add(*answer, dns::Mx{1, host});
        else
          add(*answer, host);
      }
    } else if (name.size() % 3 != 0) {
      add(*answer, *IpAddress::parse(name.size() % 2 == 0 ? "192.0.2.1" : "198.51.100.1"));
    } else if (name.size() % 9 == 0) {
      answer->status = dns::Status::serv_fail;
    }
    return answer;
  }
  static void add(dns::Answer& answer, dns::Record record) {
    answer.status = dns::Status::found;
    answer.records.push_back(std::move(record));
  }

  std::vector<std::string> texts_;
  int asked_ = 0;
};

io::Task<> check_task(dns::Resolver& resolver, dns::SpfRequest request, dns::SpfOutcome& out) {
  out = co_await dns::check_host(resolver, system_clock(), std::move(request));
}

std::vector<std::string> split(std::string_view text) {
  std::vector<std::string> parts(1);
  for (const char c : text) {
    if (c == '\n' && parts.size() < 3)
      parts.emplace_back();
    else
      parts.back() += c;
  }
  return parts;
}

// A record that is taken reads the same when its terms are written again.
void check_record(const std::string& text) {
  if (!dns::is_spf_record(text)) return;
  const auto record = dns::parse_spf_record(text);
  if (!record) {
    promise(!record.error().detail.empty(), "a mistake is named");
    return;
  }
  std::string again = "v=spf1";
  for (const auto& term : record->terms) again += ' ' + term.written;
  const auto reread = dns::parse_spf_record(again);
  promise(reread && reread->terms.size() == record->terms.size(), "its terms are a record again");
  for (const auto& term : record->terms)
    promise(term.prefix4 >= 0 && term.prefix4 <= 32 && term.prefix6 >= 0 && term.prefix6 <= 128,
            "prefixes fit");
}

void check_outcome(const dns::SpfOutcome& outcome) {
  promise(outcome.explanation.size() <= 200, "an explanation is short");
  for (const char c : outcome.explanation) promise(c >= ' ' && c < '\x7f', "and printable");
  const bool broken =
      outcome.result == dns::SpfResult::permerror || outcome.result == dns::SpfResult::temperror;
  promise(!broken || !outcome.problem.empty(), "an error says why");
  promise(outcome.explanation.empty() || outcome.result == dns::SpfResult::fail,
          "only a failure is explained");
  promise(outcome.result != dns::SpfResult::pass || (outcome.terms <= 10 && outcome.void_lookups <= 2),
          "nothing passes beyond the limits");
}

}  // namespace

void spf(std::string_view input) {
  const Alphabet letters = spf_letters();
  const std::size_t choice = take_choice(input, letters);
  const std::string text = spell(input, letters);
  dns::SpfRequest request;
  request.client = *IpAddress::parse(choice % 2 == 0 ? "192.0.2.1" : "2001:db8::1");
  request.helo = "b.x";
  request.sender = choice % 3 == 0 ? "" : choice % 3 == 1 ? "a@a.x" : "\"q r\"@a.x";
  const auto texts = split(text);
  for (const std::string& record : texts) check_record(record);
  Records records(texts);
  io::EventLoop loop;
  dns::SpfOutcome outcome;
  loop.run(check_task(records, std::move(request), outcome));
  check_outcome(outcome);

  const dns::SpfMacroValues values{.local_part = "l.p",
                                   .sender_domain = "s.x",
                                   .domain = "a.x",
                                   .helo = "h.x",
                                   .receiver = "r.x",
                                   .validated_name = "v.x",
                                   .client = {},
                                   .seconds = 1};
  promise(dns::expand(text, values).size() <= 70 * 1024 + text.size(), "an expansion is bounded");
}

}  // namespace sallyport::fuzz
