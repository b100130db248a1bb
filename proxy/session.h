// One SMTP session: carries bytes between a stream and the protocol machine, and carries out what the
// machine asks for. The protocol is in smtp::ServerMachine, the judgement in policy, the mail in
// Transaction; what is left here is waiting.
//
// Lives in the frame of its own task, on one core, from the first byte to the last. Holds no buffer
// while idle. References to services outlive the event loops.
#pragma once

#include <memory>
#include <string>
#include <string_view>

#include "base/io/stream.h"
#include "dns/list_watch.h"
#include "proxy/read_budget.h"
#include "proxy/services.h"
#include "proxy/settings.h"
#include "proxy/smtp/server_machine.h"
#include "proxy/transaction.h"

namespace sallyport::proxy {

class SessionRegistry;

class Session {
 public:
  // Runs a whole session; returns when the connection is closed.
  static io::Task<> serve(std::unique_ptr<io::Stream> stream, std::shared_ptr<const Settings> settings,
                          const ListenerSettings* listener, std::shared_ptr<dns::ListWatch> lists,
                          Services& services, SessionRegistry& registry);

  // The gateway is going down: a session that is waiting between messages says 421 and ends; one in the
  // middle of a message may finish it. From the session's own core.
  void drain();
  // Time is up: ends at once.
  void abort() {  // but for what is waited for of the next hop
    stream_->abort();
    account_.penalty().hurry();
  }

  Session(std::unique_ptr<io::Stream> stream, std::shared_ptr<const Settings> settings,
          const ListenerSettings& listener, std::shared_ptr<dns::ListWatch> lists, Services& services);
  ~Session();
  Session(const Session&) = delete;
  Session& operator=(const Session&) = delete;

 private:
  // -- before the first command ----------------------------------------------------------------------
  io::Task<> run();
  io::Task<> end();
  io::Task<> break_off(std::string why);
  io::Task<bool> read_proxy_header();
  io::Task<bool> admit();
  void watch_admission(bool exempt);
  io::Task<> inquire();
  io::Task<bool> begin_tls();
  io::Task<bool> wait_before_greeting();
  void greet();
  io::Task<> turn_away(mail::Reply reply);

  // -- the dialogue: one function for each event of the machine ---------------------------------------
  io::Task<> converse();
  io::Task<bool> more_input();
  void on_helo(const smtp::Helo& command);
  void on_mail(smtp::Mail command);
  io::Task<> on_recipient(smtp::Rcpt command);
  io::Task<> on_data();
  io::Task<> on_content(std::string_view content);
  io::Task<bool> on_message();
  void on_reset();
  void answer_message(const mail::Reply& reply);
  void on_dropped(const smtp::MessageDropped& dropped);
  io::Task<bool> on_start_tls();
  io::Task<> on_auth(smtp::Auth command);
  void login_failed(std::string_view user, const mail::Reply& reply);
  io::Task<bool> on_close(smtp::Close close);

  // -- bytes -----------------------------------------------------------------------------------------
  io::Task<bool> flush();
  io::Task<bool> receive();
  void input_ended(const Error& error);
  void keep_input();
  io::Presence poll_input();
  bool has_unread();
  bool client_is_there();

  io::Task<bool> confirm(bool flushed);
  void heard_us();
  io::Task<> not_confirmed(bool arrived);
  void end_transaction(const mail::Reply& reply, std::string_view fate);
  void refresh_client();
  void take_new_lists();
  smtp::ServerOptions machine_options() const;
  bool idle() const;
  bool may_hang_up() const;
  void record();

  std::unique_ptr<io::Stream> stream_;
  std::shared_ptr<const Settings> settings_;
  const ListenerSettings* listener_;  // of those
  std::shared_ptr<dns::ListWatch> lists_;
  Services& services_;
  std::shared_ptr<const Treatment> treatment_;  // by what is known at connect
  std::shared_ptr<const Treatment> watched_;    // ... with the rules that only observe; else the same
  std::string judged_ = "accept";               // or the refusal's name
  std::string would_be_ = "accept";             // by what is watched
  Admission admission_;
  std::string id_;
  TimePoint began_;
  ClientView client_;
  Endpoint peer_;   // the client, behind a PROXY header if there was one
  IpAddress ours_;  // the address that it connected to
  std::unique_ptr<smtp::ServerMachine> machine_;
  ReadBudget budget_;

  std::string_view input_;  // what the machine has not consumed yet: in scratch, or in stash_
  std::string stash_;

  std::unique_ptr<Transaction> transaction_;
  std::unique_ptr<Transaction> unconfirmed_;  // answered 250, and the client has not spoken since
  static constexpr std::string_view kNotTold = "closed";
  std::string_view end_ = kNotTold;  // why the session ended, for its event; a literal
  int messages_ = 0;
  ClientAccount account_;
  AccountVerdict rate_;  // of its connection
  int transactions_ = 0;
  Spared spared_ = Spared::nobody;
  Duration waited_{0};  // before the greeting
  bool early_talker_ = false;
  bool said_quit_ = false;
  bool heard_ = false;     // anything at all came from the client
  bool refused_ = false;   // it was over a limit, and that is worth a line
  bool unlisted_ = false;  // ... or is one of too many for that
  int unlogged_ = 0;       // refused sessions before this one that were not logged
  bool recorded_ = false;
  bool draining_ = false;
  bool reading_ = false;
};

}  // namespace sallyport::proxy
