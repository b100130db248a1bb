// The server side of SMTP as a pure state machine: bytes in, events and replies out (RFC 5321, 1870,
// 2034, 2920, 3030, 3207, 3461, 4954, 6152, 6531; LMTP of RFC 2033 for the sink).
//
// No sockets and no clock. The driver feeds input, carries out each event, answers it, and writes what
// take_output() holds:
//
//   while (true) {
//     Event event = machine.next(input);       // consumes from the front of `input`
//     NeedInput?      write take_output(); read more, if `input` is empty
//     Helo/Mail/Rcpt/DataBegins/Auth?  decide, machine.answer(reply, unread input?)
//     Body?           keep the bytes (they die at the next call)
//     MessageEnds?    deliver, machine.answer(reply)
//     StartTls?       write take_output(), handshake, machine.tls_established()
//     Close?          write take_output(), close
//   }
//
// NeedInput with input left means that enough output has gathered (16 KiB): write it and call again.
// Everything that affects the protocol state lives in this class. A transaction is one object, dropped
// as a whole. Whatever goes wrong inside a message, its true end is found before anything is read as a
// command again, or the session is closed: a discard reads at most max(message_size, 1 MB) octets, and a
// BDAT chunk that is to be refused and is longer than that is not read at all.
// Owned by one session, one thread. Memory: one command line, one transaction's counters; while content
// comes in also up to 32 KiB of it, given back before NeedInput.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "base/mail/address.h"
#include "base/mail/content.h"
#include "base/mail/parameters.h"
#include "base/mail/reply.h"
#include "proxy/smtp/refusals.h"

namespace sallyport::smtp {

// Fixed for the session; limits of zero are not allowed.
struct ServerOptions {
  std::string hostname;        // in the banner and the EHLO reply
  bool lmtp = false;           // LHLO instead of HELO/EHLO, one reply a recipient after the dot
  bool starttls = false;       // offered while in clear
  bool tls_required = false;   // MAIL before TLS: 530 5.7.0 Must issue a STARTTLS command first
  bool auth_required = false;  // MAIL before AUTH: 530 5.7.0
  bool auth_offered = false;   // AUTH PLAIN LOGIN, under TLS only
  bool smtputf8 = false;
  bool dsn = false;
  bool lenient = false;              // hand-typed commands: LF line ends, addresses without brackets, ...
  bool normalize_line_ends = false;  // bare LF in content becomes CRLF (listed networks only)
  std::uint64_t message_size = 50'000'000;
  std::uint64_t line_length = 1 << 20;  // of content
  std::size_t command_line = 2048;      // octets with CRLF
  std::size_t recipients = 1000;        // accepted ones, a transaction
  int errors = 20;                      // 5xx replies, then 421
  int junk_commands = 100;              // NOOP, RSET, HELP, VRFY, EHLO ... between messages, then 421
};

// -- events, in the order of a session ------------------------------------------------------------

struct NeedInput {};
// Answered positively, the machine writes the EHLO reply itself (the answer's text is not used), and
// forgets an envelope that was begun: TransactionReset may follow. A refusal leaves everything as it was
// (RFC 5321 4.1.4).
struct Helo {
  std::string name;
  bool extended = false;  // EHLO or LHLO
};
struct Mail {
  mail::Path sender;
  mail::MailParameters parameters;
};
// A recipient without a domain is given to the driver like any other: the barring list speaks first.
struct Rcpt {
  mail::Path recipient;
  mail::RcptParameters parameters;
};
// DATA, or a transaction's first BDAT. answer() with code 354 lets the content come (the text is ours;
// for BDAT nothing is sent); any other reply refuses. A refused DATA leaves the envelope as it is; a
// refused BDAT chunk is consumed all the same and ends the transaction (TransactionReset), so that the
// chunks behind it are never taken for a message of their own.
struct DataBegins {
  bool chunked = false;
};
struct Body {
  std::string_view bytes;  // content, line ends CRLF, dots undone; valid until the next call
};
// The whole message was read and nothing in its framing forbids it: answer with its fate. With that the
// transaction is over, whatever the answer.
struct MessageEnds {};
// The message that was begun came to nothing (a fault, discard(), an error that closes the session), and
// its transaction with it: what was kept of it is worthless. The machine has answered by itself. Not sent
// after end_session(), unless that gave a refusal that was due.
struct MessageDropped {
  mail::Reply reply;  // what the client was told of the message; code 0: nothing
  std::optional<std::uint64_t> octets = std::nullopt;  // of all its content, where its true end was read
};
struct TransactionReset {};  // RSET, EHLO, a refused BDAT: the envelope is forgotten, and chunks that were
                             // read; MAIL had been accepted
// 220 is in output(): write it, then handshake.
struct StartTls {};
// The whole AUTH exchange; answer with 235, 535, 454. Wipe `password` after use.
struct Auth {
  std::string mechanism;
  std::string user;
  std::string password;
};
// The machine wants the session over. `why` is for the log.
struct Close {
  enum class Why { quit, errors, junk, protocol_abuse, line_too_long, other_protocol, answered } why;
};

using Event = std::variant<NeedInput, Helo, Mail, Rcpt, DataBegins, Body, MessageEnds, MessageDropped,
                           TransactionReset, StartTls, Auth, Close>;

// What the driver waits for now: chooses its deadline.
enum class Waiting { command, data, chunk, discard };

class ServerMachine {
 public:
  // `session_id` ends every 4xx and 5xx reply, with ".N" behind it inside the N-th transaction.
  ServerMachine(ServerOptions options, std::string session_id);
  ~ServerMachine();
  ServerMachine(ServerMachine&&) noexcept;

  // Queues the banner. A refusing reply (554, 421) makes the next event Close.
  void greet(const mail::Reply& banner);
  void greet();  // 220 <hostname> ESMTP Sallyport

  Event next(std::string_view& input);

  // Answers the Helo, Mail, Rcpt, DataBegins, MessageEnds or Auth that next() just returned. A reply of
  // code 421 ends the session. `unread`: there is input behind the command at the time of the answer, in
  // `input` or known to wait in the socket; behind DATA, EHLO/HELO and AUTH, and in a HELO session behind
  // MAIL and RCPT, that is illegal pipelining (RFC 2920 3.1): 503 5.5.1 instead of the reply, and Close.
  void answer(const mail::Reply& reply, bool unread = false);
  // LMTP only: one reply for each accepted recipient, in order.
  void answer_each(const std::vector<mail::Reply>& replies);

  // While content comes in: the message is refused with `reply`, which is given at its true end.
  void discard(const mail::Reply& reply);
  // The session must end (timeout, shutdown): queues `reply` (code 0: none), or the refusal of a message
  // that is refused already and whose true end is waited for no longer; the next event is Close.
  void end_session(const mail::Reply& reply);

  void tls_established();     // forgets HELO, sender, recipients, authentication (RFC 3207 4.2)
  void set_tls_from_start();  // implicit TLS

  // Every refusal that was given under the session's id, and under the id of the transaction that is over
  // (its record is due: MessageDropped, TransactionReset, a MessageEnds that was answered, Close). Not
  // among them is what the driver has on its own record: what it answered to Rcpt and MessageEnds, and what
  // MessageDropped says.
  const Refusals& refusals() const;
  Refusals take_refusals_of_transaction();

  std::string take_output();
  const std::string& output() const;

  Waiting waiting() const;
  bool in_transaction() const;  // MAIL was accepted
  bool discarding() const;
  std::size_t accepted_recipients() const;
  int transaction_number() const;  // 0 before the first MAIL
  std::string id() const;          // of the transaction, or of the session outside one
  const std::string& helo() const;
  bool extended() const;  // EHLO was used
  bool under_tls() const;
  const std::string& authenticated() const;  // user, "" = nobody
  int errors() const;
  int commands() const;  // how many command lines were read

  // Whether bytes already received end in a QUIT command: such a client that has shut its side down
  // is still waiting for its reply.
  static bool ends_in_quit(std::string_view unread);

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace sallyport::smtp
