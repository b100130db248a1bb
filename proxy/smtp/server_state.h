// The state of ServerMachine, private to its sources: server_machine.cpp (the loop, replies, closing),
// server_commands.cpp (HELO, RSET, ... each a function), server_envelope.cpp (MAIL, RCPT),
// server_data.cpp (DATA), server_chunks.cpp (BDAT), server_auth.cpp (AUTH).
//
// The machine is in one Phase; what the client sends next is read accordingly. Beside it, an event that
// was handed out may wait for its answer (Asked), and events may wait to be handed out: the order is
// MessageDropped, TransactionReset, `upcoming`, and Close last.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "base/mail/content.h"
#include "base/mail/replies.h"
#include "proxy/smtp/command_line.h"
#include "proxy/smtp/line_ends.h"
#include "proxy/smtp/line_reader.h"
#include "proxy/smtp/server_machine.h"

namespace sallyport::smtp {

enum class Phase : std::uint8_t {
  command,
  sasl,              // AUTH: a response to our challenge
  data,              // content, dot-stuffed
  content_complete,  // the final dot was read
  chunk,             // content, framed by count
  handshake,         // 220 to STARTTLS was given
  closing,
};

// Which event's answer the machine waits for.
enum class Asked : std::uint8_t { nothing, helo, mail, rcpt, data, message, auth };

// Content that is coming in, by DATA or by BDAT.
struct Message {
  explicit Message(std::uint64_t max_line) : watch(max_line) {}

  std::optional<mail::DataDecoder> decoder;  // DATA
  mail::ContentWatch watch;                  // BDAT
  LineEndNormalizer normalizer;              // BDAT
  std::uint64_t octets = 0;                  // of content
  std::uint64_t discarded = 0;               // of the wire, since the message is refused
  std::uint64_t chunks = 0;
  std::optional<mail::Reply> refusal;  // given at the true end

  mail::ContentFault fault() const { return decoder ? decoder->fault() : watch.fault(); }
  bool refused() const { return refusal || fault() != mail::ContentFault::none; }
};

struct Transaction {
  bool smtputf8 = false;           // MAIL said so
  std::size_t recipients = 0;      // accepted
  std::size_t rcpt_commands = 0;   // answered in whatever way
  std::optional<Message> message;  // since 354
};

struct Chunk {
  std::uint64_t octets = 0;
  std::uint64_t left = 0;
  bool last = false;
  std::optional<mail::Reply> refusal;  // given when its octets were consumed
};

struct Sasl {
  enum class Step : std::uint8_t { plain, login_user, login_password } step = Step::plain;
  std::string user;
};

struct ServerMachine::State {
  State(ServerOptions server_options, std::string session_id);

  // server_machine.cpp
  Event next(std::string_view& input);
  void answer(const mail::Reply& reply, bool unread);
  void answer_message(const std::vector<mail::Reply>& fates);
  void end_session(const mail::Reply& reply);
  void tls_established();
  std::optional<Event> take_event();
  bool read(std::string_view& input);

  void say(std::string_view line);
  void append(const mail::Reply& reply);
  void note(const mail::Reply& reply, Verb stage, std::string_view words);
  void note(const mail::Reply& reply);
  void give(const mail::Reply& reply);
  void tell(const mail::Reply& reply);
  void append_copies(const mail::Reply& fate);
  void tell_each(const mail::Reply& fate);
  void refuse(mail::Refusal refusal);
  void close(Close::Why why);
  void close_behind(const mail::Reply& reply, Close::Why why);
  void close_with(const mail::Reply& reply, Close::Why why);
  void illegal_pipelining();
  bool too_much_junk();
  void reset_transaction();
  void drop_message(const mail::Reply& reply);
  std::string id() const;

  // server_commands.cpp
  bool read_command(std::string_view& input);
  void broken_line();
  void execute(const CommandLine& command, bool behind);
  void run(const CommandLine& command);
  void idle_command(const CommandLine& command);
  void unwelcome(Verb verb);
  void helo(const CommandLine& command);
  void answer_helo(const mail::Reply& reply);
  void write_extensions();
  void rset(std::string_view argument);
  void help();
  void vrfy(std::string_view argument);
  void quit(std::string_view argument);
  void starttls(std::string_view argument);

  // server_envelope.cpp
  void mail_from(std::string_view argument);
  std::optional<mail::Reply> parse_mail(std::string_view argument, Mail& out) const;
  void answer_mail(const mail::Reply& reply);
  void rcpt_to(std::string_view argument);
  std::optional<mail::Reply> parse_rcpt(std::string_view argument, Rcpt& out) const;
  void answer_rcpt(const mail::Reply& reply);

  // server_data.cpp
  std::optional<mail::Reply> message_refusal() const;
  void data(std::string_view argument);
  void answer_data(const mail::Reply& reply);
  bool read_data(std::string_view& input);
  void accept_content(std::string_view content);
  void count_discarded(std::uint64_t octets);
  void refuse_unfinished(Close::Why reason);
  void end_content();
  std::uint64_t discard_allowance() const;
  mail::Reply too_large() const;

  // server_chunks.cpp
  void bdat(std::string_view argument);
  std::optional<mail::Reply> chunk_refusal(const ChunkArgument& announced) const;
  void answer_first_chunk(const mail::Reply& reply);
  void begin_chunk();
  bool read_chunk(std::string_view& input);
  void take_chunk_octets(std::string_view octets);
  void end_chunk();
  void end_last_chunk();
  void drop_chunk(const mail::Reply& reply, bool last);

  // server_auth.cpp
  void auth(std::string_view argument);
  void begin_sasl(std::string_view mechanism, std::optional<std::string_view> initial_response);
  bool read_sasl(std::string_view& input);
  void sasl_response(std::string_view response);
  void sasl_plain(std::string_view message);
  void sasl_login(std::string_view message);
  void ask_auth(std::string mechanism, std::string name, std::string password);
  void answer_auth(const mail::Reply& reply);
  void fail_auth(const mail::Reply& reply);

  ServerOptions options;
  std::string session;
  std::string output;

  Phase phase = Phase::command;
  Asked asked = Asked::nothing;
  bool ends_group = false;  // the command in hand may have nothing behind it (RFC 2920 3.1)
  std::optional<MessageDropped> dropped;
  bool reset = false;
  std::optional<Event> upcoming;
  Close::Why why = Close::Why::quit;

  Refusals refused;                 // outside of transactions
  Refusals refused_in_transaction;  // the one that is open, or is over and on no record yet
  Verb in_hand = Verb::unknown;     // the last command
  std::string_view spoken;  // the line of the command that is being carried out, while its octets live
  bool said_auth = false;

  LineReader lines;
  std::string scratch;  // decoded content: what a Body points to
  std::optional<Transaction> transaction;
  std::optional<Chunk> chunk;
  Sasl sasl;

  std::string helo_name;  // "" = none yet
  bool extended = false;
  bool tls = false;
  std::string user;             // authenticated
  std::string asked_name;       // of the Helo or Auth that waits for its answer
  bool asked_extended = false;  // of that Helo
  bool asked_smtputf8 = false;  // of the Mail that waits for its answer

  int transactions = 0;
  int errors = 0;
  int junk = 0;
  int commands = 0;
  int broken_lines = 0;
  int auth_failures = 0;
};

// Whether content was refused for its line ends (or a NUL): the sender may be smuggling.
bool is_line_end_fault(mail::ContentFault fault);
mail::Reply content_fault_reply(mail::ContentFault fault);

}  // namespace sallyport::smtp
