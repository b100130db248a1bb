// What follows from what the checks find: outcomes, weights, thresholds. Plain values, part of
// policy::Settings; proxy/settings fills them from `checks` and `thresholds`.
#pragma once

#include <array>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "base/ip_address.h"
#include "base/mail/evidence.h"

namespace sallyport::policy {

// enforce: acted on. observe: judged and recorded, never acted on. off: not asked.
enum class Mode : std::uint8_t { enforce, observe, off };

enum class View : std::uint8_t {
  acting,    // only what is enforced counts
  would_be,  // what only observes counts too: for the record
};

struct Outcome {
  enum class Kind : std::uint8_t { ignore, score, defer, reject };
  Kind kind = Kind::ignore;
  int score = 0;  // Kind::score only; negative speaks for the client

  static Outcome ignored() { return {}; }
  static Outcome points(int score) { return {Kind::score, score}; }
  static Outcome deferred() { return {Kind::defer, 0}; }
  static Outcome rejected() { return {Kind::reject, 0}; }
  bool operator==(const Outcome&) const = default;
};

// A range of a list's answers, octet by octet: in 127/8, and outside 127.255.255/24, where lists say that
// they do not answer.
struct CodeRange {
  std::array<std::uint8_t, 4> low{127, 0, 0, 2};
  std::array<std::uint8_t, 4> high{127, 0, 0, 2};
  int weight = 0;

  // "127.0.0.2", "127.0.0.2-127.0.0.11", "127.0.*.2-3"; nullopt: anything else. The weight is 0.
  static std::optional<CodeRange> parse(std::string_view text);
  std::string to_string() const;  // the last of these forms
  bool contains(const IpAddress& code) const;
  bool operator==(const CodeRange&) const = default;
};

struct ListSettings {
  std::vector<CodeRange> codes;
  std::vector<mail::Listed> of{mail::Listed::client};
  Mode mode = Mode::enforce;
  bool flag = false;    // no weight: a header field only
  bool secret = false;  // the zone's name holds a key: neither in replies nor in events, nor its TXT
  std::string name;     // as it is shown; the zone, unless it is secret
  Duration timeout = std::chrono::seconds(2);  // for an answer

  // The greatest weight among the codes that are configured; 0: none of them is.
  int weight(const std::vector<IpAddress>& codes) const;
  int least() const;  // over all that the list may answer, 0 among them
  int most() const;
};

// Who has to come again: of strangers all, those that had no mail delivered lately, or those whose points
// reach `thresholds.doubtful`. Never one with negative points.
enum class GreylistApply : std::uint8_t { all, unknown, doubtful };

struct GreylistSettings {
  Mode mode = Mode::enforce;
  GreylistApply apply = GreylistApply::doubtful;
  Duration delay = std::chrono::minutes(5);         // before it passes
  Duration window = std::chrono::hours(48);         // in which it has to come back
  Duration remember = std::chrono::hours(36 * 24);  // after it has passed; renewed by use
  int known_after = 5;                              // passes of an identity; 0: never
};

struct CheckSettings {
  std::array<Mode, mail::kChecks> modes{};
  std::array<std::array<Outcome, mail::kFindings>, mail::kChecks> outcomes{};
  Outcome own_sender = Outcome::points(1);  // our domain in MAIL FROM, from outside, without SPF pass
  std::vector<ListSettings> lists;
  int reject_at = 5;
  int doubtful_at = 1;
  GreylistSettings greylist;

  Mode& mode(mail::Check check) { return modes.at(static_cast<std::size_t>(check)); }
  const Mode& mode(mail::Check check) const { return modes.at(static_cast<std::size_t>(check)); }
  Outcome& outcome(mail::Check check, mail::Finding finding) {
    return outcomes.at(static_cast<std::size_t>(check)).at(static_cast<std::size_t>(finding));
  }
  const Outcome& outcome(mail::Check check, mail::Finding finding) const {
    return outcomes.at(static_cast<std::size_t>(check)).at(static_cast<std::size_t>(finding));
  }

  // What `fact` comes to, whatever its mode.
  Outcome outcome_of(const mail::Fact& fact) const;
  // The mode of its check; of a list, the weaker one of the check's and the list's own.
  Mode mode_of(const mail::FactKey& key) const;
};

// As shipped: what conf.d/20-checks.json says in full.
CheckSettings shipped_checks();

}  // namespace sallyport::policy
