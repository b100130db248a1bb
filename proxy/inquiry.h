// What is asked about one client while its session goes on, and what is known so far.
//
// A look-up starts the moment its input is known: at connect, at EHLO, at MAIL. All of them run side by
// side; a decision waits only for the facts that could change it. Nothing is judged here, and nothing is
// asked that no decision may need: a check that is off (unless events.record says `all`), a list that does
// not answer.
//
// What only watching asks for (a check that is off but for a rule that observes) is no part of what the
// client is judged by and known as, and uses up none of its questions: policy::View has both sights.
//
// Owned by its session and by the look-ups that run for it (so always by a shared_ptr), on one core. What a
// look-up of an earlier EHLO or MAIL still finds out is dropped. What an earlier session found out of the
// same input, and what still holds, is not looked up at all.
#pragma once

#include <array>
#include <initializer_list>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/io/task.h"
#include "base/mail/address.h"
#include "base/mail/evidence.h"
#include "dns/budgeted_resolver.h"
#include "dns/list.h"
#include "dns/list_watch.h"
#include "dns/spf.h"
#include "policy/client.h"
#include "policy/client_identity.h"
#include "proxy/fact_memory.h"
#include "proxy/settings.h"

namespace sallyport::proxy {

// Why nothing is asked about a client.
enum class Spared : std::uint8_t {
  nobody,      // it is a stranger: everything is
  submission,  // the listener requires AUTH: roaming users sit in ranges that lists name
  trusted,
  upstream,
  internal,  // a private or loopback address, or the one that it connected to
};
std::string_view to_string(Spared spared);  // "" = nobody
Spared spared(const ListenerSettings& listener, const IpAddress& client, const IpAddress& ours,
              const policy::Settings& settings);

// Who is asked, and what outlives the event loops; the lists are those of the settings, place by place.
struct InquiryServices {
  const Clock& clock;
  io::TaskGroup& tasks;
  dns::Resolver& resolver;
  std::shared_ptr<dns::ListWatch> lists;
  FactMemory* facts = nullptr;  // null: nothing is remembered
};

// Whom it is about.
struct InquiryClient {
  IpAddress address;
  IpAddress ours;                                    // that it connected to
  std::shared_ptr<const Treatment> at_connect = {};  // null: no rule holds for it
};

class Inquiry : public std::enable_shared_from_this<Inquiry> {
 public:
  // On the core where all of it will run.
  Inquiry(InquiryClient client, std::shared_ptr<const Settings> settings, InquiryServices services,
          const io::Executor& core);

  void connected();
  void greeted(bool talked_early, Duration waited);
  void said_helo(const std::string& helo);
  void said_mail(const mail::Path& sender);

  // A message was taken: the session earns questions. Look-ups that are under way ask no more: it is over.
  void message_taken();
  void stop();
  // It asked for more than a session may: what is not known for that reason must not let it pass.
  // The next MAIL looks it up anew, as far as there is an allowance by then, and what failed for now.
  bool overdrawn() const;

  // Waits for the facts that the decision needs, for the session's budget of time at most.
  io::Task<policy::ClientDecision> decide(const policy::CheckSettings& checks);
  // Until one of those is no longer pending, no longer than that.
  io::Task<> settle_any(std::vector<mail::FactKey> keys);
  // Who the client is, by what is known by now; found out once for all who ask, until more is known.
  const policy::ClientIdentities& who();
  io::Task<> learn_who();  // waits until more is known, while it is not settled
  // Once a session: the lists are asked past the cache, in a time of their own. What one of them has said
  // stands if it does not answer now.
  void ask_lists_anew();
  // Until nothing of that is pending, or `until`: for what is written about the client.
  io::Task<> settle_all(policy::View view = policy::View::acting, TimePoint until = TimePoint::max());

  const mail::Evidence& evidence(policy::View view = policy::View::acting) const;
  const std::string& helo() const { return helo_; }
  // What is asked: lists by their places, modes as far as any rule goes.
  const policy::CheckSettings& checks() const { return settings_->asked(); }
  bool is_listed() const;  // its address, by a list that counts against it
  // The confirmed reverse name; "" = none, or not known yet.
  std::string reverse_name(policy::View view = policy::View::acting) const;

 private:
  enum class Stage : std::uint8_t { connect, helo, mail, lists_anew };
  static constexpr std::size_t kStages = 4;

  static Stage stage_of(const mail::FactKey& key);
  // What SPF and lists can be asked of: a name with a domain.
  static std::optional<dns::Name> host_name(const std::string& text);
  using ResolverPtr = std::shared_ptr<dns::BudgetedResolver>;
  using Resolvers = std::array<ResolverPtr, kStages>;
  ResolverPtr fresh_resolver(const std::shared_ptr<dns::Allowance>& allowance) const;
  ResolverPtr& resolver(Stage stage) { return resolvers_.at(static_cast<std::size_t>(stage)); }
  ResolverPtr& watching_resolver(Stage stage);
  ResolverPtr& resolver(const mail::FactKey& key) { return resolver(key, stage_of(key)); }
  ResolverPtr& resolver(const mail::FactKey& key, Stage stage);
  unsigned& round(Stage stage) { return rounds_.at(static_cast<std::size_t>(stage)); }
  bool is_on(mail::Check check) const;
  bool is_watched(const mail::FactKey& key) const;
  void evidence_changed();
  bool is_pending(const mail::FactKey& key) const;

  void expect(const mail::FactKey& key);
  void no_longer_expect(const mail::FactKey& key);
  std::string input_of(const mail::FactKey& key, std::initializer_list<std::string_view> parts) const;
  bool recall(const std::string& input);
  void remember(std::string input, mail::FactPtr fact);
  void begin(const mail::FactKey& key, std::string input, io::Task<mail::Fact> work);
  static io::Task<> look_up(std::shared_ptr<Inquiry> self, mail::FactKey key, std::string input,
                            unsigned round, io::Task<mail::Fact> work);
  void settle(mail::Fact fact) { settle(std::make_shared<const mail::Fact>(std::move(fact))); }
  void settle(mail::FactPtr fact);
  mail::FactPtr unless_failed(mail::FactPtr fact);
  bool has_failed(Stage stage) const;
  void forget(Stage stage);
  void ask_again();
  bool knows(const std::string& sender) const;
  void give_up();

  void expect_reverse_name();
  void on_reverse_name();
  bool is_reverse_name(const std::string& helo) const;
  bool is_generic(const std::string& name) const;
  mail::Finding judged_helo(const mail::Fact& fact) const;
  void begin_helo(const std::string& helo);
  void begin_spf(mail::Check check, dns::SpfRequest request);

  std::vector<mail::FactKey> lists_of(mail::Listed of) const;
  void ask_lists(mail::Listed of, const dns::Subject& subject);
  void cannot_ask_lists(mail::Listed of, bool for_now);  // there is no such name, or none is known
  dns::ListWatch::Standing standing(std::size_t list, dns::Family family) const;
  void ask_list_at_once(const mail::FactKey& key, const dns::Subject& subject);
  std::optional<dns::Subject> subject_of(mail::Listed of) const;
  io::Task<mail::Fact> ask_list(ResolverPtr resolver, mail::FactKey key, dns::Subject subject, bool fresh);
  void tell_watch(std::size_t list, const dns::ListAnswer& answer, TimePoint deadline);

  io::Task<mail::Fact> ask_reverse_name(ResolverPtr resolver);
  io::Task<mail::Fact> ask_helo(ResolverPtr resolver, std::string helo);
  io::Task<mail::Fact> ask_sender_domain(ResolverPtr resolver, dns::Name domain);
  io::Task<mail::Fact> ask_spf(ResolverPtr resolver, mail::Check check, dns::SpfRequest request);

  io::Executor core_;
  std::string client_;  // as text
  IpAddress ours_;
  std::shared_ptr<const Settings> settings_;
  std::shared_ptr<const Treatment> at_connect_;  // how long is waited for lists, what is generic
  InquiryServices services_;
  std::shared_ptr<dns::Allowance> allowance_;
  std::shared_ptr<dns::Allowance> watching_allowance_;  // null: nothing is only watched, so far
  Resolvers resolvers_;                                 // of the round that each stage is in
  Resolvers watching_resolvers_;                        // null: likewise
  io::Signal arrived_;
  mail::Evidence evidence_;                       // all of it
  bool watches_ = false;                          // some of it is only watched
  mutable std::optional<mail::Evidence> acting_;  // the rest
  std::optional<policy::ClientIdentities> who_;   // of that
  std::array<unsigned, kStages> rounds_{};        // how often its input was said anew
  std::string helo_;
  std::optional<std::string> sender_;
  std::optional<dns::Name> sender_domain_;
  mail::FactPtr held_helo_;  // waits for the reverse name
  bool asked_anew_ = false;
  mail::Facts before_;  // what those lists have said that are asked anew
};

}  // namespace sallyport::proxy
