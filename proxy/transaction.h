// One mail transaction: envelope, content as it arrives, and its one event, written once, whatever ends it.
// Born at MAIL, dropped as a whole; nothing of it is ever reset field by field.
//
// Owned by its session, one thread. References to services and to the client outlive it.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/io/stream.h"
#include "base/mail/authentication_results.h"
#include "base/mail/content.h"
#include "base/mail/received_client.h"
#include "base/mail/trace.h"
#include "base/store/in_flight.h"
#include "base/store/message_buffer.h"
#include "policy/recipient.h"
#include "proxy/client_account.h"
#include "proxy/client_view.h"
#include "proxy/greylist_verdict.h"
#include "proxy/inquiry.h"
#include "proxy/relay/relay.h"
#include "proxy/services.h"
#include "proxy/settings.h"
#include "proxy/smtp/server_machine.h"
#include "proxy/treated_verdict.h"
#include "proxy/treatment.h"

namespace sallyport::proxy {

class Transaction {
 public:
  Transaction(std::shared_ptr<const Settings> settings, Services& services, const ClientView& client,
              std::string id, smtp::Mail mail);
  // Ends it, if nobody has. Says what a second copy would be explained by, if it is destroyed (shutdown)
  // before the client is known to have read our 250.
  ~Transaction();
  Transaction(const Transaction&) = delete;
  Transaction& operator=(const Transaction&) = delete;

  // RCPT: judged, and asked of the next hop. The reply says what became of it.
  io::Task<mail::Reply> add_recipient(smtp::Rcpt command);

  // DATA, or the first BDAT. A reply means that the content is not wanted.
  io::Task<std::optional<mail::Reply>> begin_content();
  // Content arrives. A reply means that the message is refused: the rest is to be discarded.
  std::optional<mail::Reply> take(std::string_view content);
  bool wants_spill() const { return content_.wants_spill(); }
  io::Task<std::optional<mail::Reply>> spill();

  // A message of so many octets was refused before its end: what only observes might have taken it.
  void refused_unseen(const mail::Reply& reply, std::uint64_t octets);

  // The whole message is there: judged, then handed to the next hop.
  io::Task<mail::Reply> finish(std::function<bool()> still_there);

  // After our 250: the client has read it, or may never have, and then its retry must not be delivered
  // again. `arrived`: its kernel has the 250, so it probably has read it.
  void confirmed();
  io::Task<> remember_unconfirmed(bool arrived);
  bool delivered() const { return delivery_ && delivery_->fate == relay::Fate::delivered; }

  // Writes the one event of this message, unless it is written: `reply` is the last word the client got
  // (code 0: none), `otherwise` its fate where the next hop has not decided it, `refused` what else was
  // refused under its id.
  void end(const mail::Reply& reply, std::string_view otherwise, const smtp::Refusals& refused);

 private:
  // One recipient by the rules that only observe: judged beside each step that acts.
  struct Watched {
    std::shared_ptr<const Treatment> treatment;
    policy::Accept accept{};
    std::string refusal{};  // as of RecipientRecord::judged; "" = taken, as far as it was judged
  };
  struct RecipientRecord {
    mail::Path path;
    mail::Reply reply{};
    std::string rule{};
    std::string entry{};  // what the line says that is `rule`
    std::string why{};
    std::shared_ptr<const Treatment> treatment;
    Otherwise otherwise{};                         // than that
    std::string judged = "accept";                 // or the refusal in a word, with the line that says so
    std::string would_be{};                        // by what only observes of lists and correspondents
    std::vector<policy::MatchedRule> observing{};  // rules that would have counted
    std::vector<policy::MatchedRule> unproven{};   // ... had SPF vouched for the sender; an entry likewise
    std::optional<policy::Unheld> unheld{};
    std::optional<Watched> watched{};
    bool role = false;
    bool allowed = false;  // by a list of senders, or as the recipient's correspondent
    policy::KnownInDomain correspondent{};
    bool refused_at_data = false;  // a bounce: it was taken at RCPT
    GreylistVerdict greylist{};
    AccountVerdict account{};
    bool from_memory = false;       // the next hop was not asked again
    std::string remembered_from{};  // id of the message at whose delivery it said this
    // Of a fault of the way, as of relay::RecipientAnswer.
    std::string host{};
    std::string next_hop_reply{};
    Duration took{0};
    Duration waited{0};  // of it: for what was asked about the client
  };
  using Records = std::span<const RecipientRecord>;

  // What these tasks are given by reference outlives them: whoever begins one waits for it.
  io::Task<mail::Reply> judge(const smtp::Rcpt& command);
  io::Task<> watch(std::shared_ptr<const Treatment> treatment, RecipientRecord& record);
  static bool is_watched(const RecipientRecord& record);
  static void note_watched(RecipientRecord& record, const std::optional<policy::Refuse>& refusal);
  WatchedLimits watched_limits(const RecipientRecord& record) const;
  io::Task<> watch_before_asking(RecipientRecord& record);
  io::Task<> watch_greylist(RecipientRecord& record);
  void watch_content(std::uint64_t octets);
  std::optional<policy::Refuse> watched_refuse(std::uint64_t octets) const;
  std::string would_be(const RecipientRecord& record) const;
  std::string would_be_by_evidence(const RecipientRecord& record) const;
  std::string watched_otherwise(const RecipientRecord& record) const;
  mail::Reply refuse(RecipientRecord&& record, const policy::Refuse& refusal);
  static void answer(RecipientRecord& record, const policy::Refuse& refusal);
  void charge(const RecipientRecord& record, mail::Refusal why);
  static PenaltyRules penalty_rules(const RecipientRecord& record);
  PenaltyRules common_penalty_rules() const;  // as common_treatment()
  std::optional<policy::Refuse> limits_refuse(const Limits& limits) const;
  // A refusal by `treatment`; put off where one that might be the right one does not refuse for good.
  std::optional<policy::Refuse> refused_by(const Treatment& treatment, const Otherwise& otherwise,
                                           const Refuses& refuses) const;
  // What concerns the message as a whole is as its strictest recipient has it.
  void treat_as_well(const RecipientRecord& record);
  std::optional<policy::Refuse> refused_by_any(const Refuses& refuses) const;
  std::optional<policy::Refuse> refuses_header(const Treatment& treatment, std::uint64_t octets) const;
  std::optional<policy::Refuse> refuses_whole(const Treatment& treatment, std::uint64_t octets) const;
  std::optional<mail::Reply> refuses_content();
  bool treatments_differ() const;             // as the rules have it for its recipients
  const Treatment& common_treatment() const;  // of all recipients; where they differ: the usual one
  std::optional<policy::Refuse> route_refuses(const relay::Route& route) const;
  std::optional<policy::Refuse> too_large_for(const relay::Route& route, std::uint64_t octets) const;
  std::optional<policy::Refuse> other_route(const std::string& route) const;
  std::optional<policy::Refuse> waits_apart(bool role, const Treatment& treatment) const;
  io::Task<mail::Reply> ask(const smtp::Rcpt& command, const policy::Accept& accept,
                            std::shared_ptr<const relay::Route> route, RecipientRecord&& record);
  policy::Refuse without_cutting_off(policy::Refuse refusal);
  mail::Reply pass_on(relay::RecipientAnswer answer, RecipientRecord&& record);
  static void note(RecipientRecord& record, const policy::Accept& accept);
  mail::Reply add(relay::Recipient recipient, std::shared_ptr<const relay::Route> route,
                  RecipientRecord&& record);
  io::Task<GreylistVerdict> judge_by_greylist(const RecipientRecord& record);
  GreylistQuestion greylist_question(const RecipientRecord& record,
                                     std::shared_ptr<const Treatment> treatment) const;
  static void answer_at_data(RecipientRecord& record, const std::optional<policy::Refuse>& refusal);
  void put_bounce_off(policy::Refuse& refusal);
  std::optional<mail::Reply> header_refusal() const;
  void look_upstream(std::string_view content);
  void inquire_upstream();
  Inquiry* inquiry() const;  // about whoever brought it from outside; null: nobody is asked about
  void keep(std::string_view content);
  std::string trace_header() const;
  void about_to_send_dot();
  void remember_client();
  void remember_correspondents();
  bool is_ambiguous() const { return delivery_ && delivery_->fate == relay::Fate::ambiguous; }
  bool may_be_taken() const { return handing_over_ && dot_sent_; }  // nobody knows
  std::string_view fate(std::string_view otherwise) const;
  void tell_cut_off();
  void record(const mail::Reply& reply, std::string_view fate, const smtp::Refusals& refused);
  bool is_worth_remembering(bool arrived) const;
  void settle();
  void tell_unconfirmed(bool remembered);
  Records recorded_from(std::size_t place) const;  // as many as one event tells
  void record_more_recipients() const;
  void record_recipients(store::Event& event, Records records) const;
  static std::vector<policy::MatchedRule> rules_of(Records records);
  void record_otherwise(store::Event& event, const RecipientRecord& record) const;
  void record_evidence_of(store::Event& event) const;
  void record_times(store::Event& event) const;

  const std::shared_ptr<const Settings> settings_held_;  // the session may go on with others
  const Settings& settings_;
  Services& services_;
  const ClientView& client_;
  TimePoint began_;
  relay::Envelope envelope_;
  std::shared_ptr<const relay::Route> route_;
  std::vector<RecipientRecord> records_;
  HeldRates held_;
  AccountVerdict content_account_;
  std::string content_judged_ = "accept";  // the message as a whole, as RecipientRecord::judged
  std::vector<std::shared_ptr<const Treatment>> treatments_;  // of the recipients, each once
  Otherwise otherwise_;                                       // than those
  mail::HeaderScanner headers_;
  mail::AuthenticationResultsFilter forged_results_;
  mail::ReceivedClients upstream_clients_;
  std::shared_ptr<Inquiry> upstream_inquiry_;  // about whom upstream took it from: recorded, never acted on
  store::MessageBuffer content_;
  std::optional<relay::Delivery> delivery_;
  store::InFlight::Entry in_flight_;
  std::optional<TimePoint> content_began_;
  std::optional<TimePoint> ended_;  // its content
  Duration relayed_{0};             // handing it to the next hop
  bool passed_ = false;             // it has a recipient that is no role address
  bool handing_over_ = false;
  bool dot_sent_ = false;
  bool confirmed_ = false;
  bool recorded_ = false;
};

}  // namespace sallyport::proxy
