// A session's owner in memory: drives a ServerMachine as the real driver does, answers from a small
// fixed policy (README.md in this folder), and keeps what the machine did. No sockets, no time.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "proxy/smtp/server_machine.h"

namespace sallyport::dialogue {

class MemorySession {
 public:
  explicit MemorySession(smtp::ServerOptions options, bool implicit_tls = false);

  // One read of the socket. `more_behind`: further octets wait in the socket.
  void receive(std::string_view octets, bool more_behind = false);
  void complete_handshake();

  // "HELO", "MAIL", "RCPT", "DATA", "END", "AUTH": what is answered from now on; code 0: the default.
  void answer_with(const std::string& event, const mail::Reply& reply);
  void discard_with(const mail::Reply& reply) { discard_ = reply; }

  smtp::ServerMachine& machine() { return machine_; }
  const std::string& output() const { return output_; }  // all that was written so far
  const std::vector<std::string>& delivered() const { return delivered_; }
  const std::vector<std::string>& log() const {
    return log_;
  }  // one line an event, without NeedInput and Body
  // What the machine noted as refused: in transactions that are over, then outside of them.
  std::vector<smtp::Refused> noted() const;
  // ... and every refusal that is on a record, the driver's own among them.
  std::size_t recorded() const { return noted_in_transactions_ + machine_.refusals().count() + own_; }
  bool closed() const { return closed_; }
  bool abused() const { return abused_; }  // closed for protocol abuse
  std::size_t largest_output() const { return largest_output_; }

 private:
  // True: the machine waits for input.
  bool handle(const smtp::Event& event, bool unread);
  void transaction_ended();
  void ask(const std::string& event, const mail::Reply& otherwise, bool unread);
  void begin_message(bool chunked, bool unread);
  void end_message();
  void flush();
  mail::Reply judge_recipient(const mail::Path& recipient) const;

  smtp::ServerMachine machine_;
  std::map<std::string, mail::Reply> answers_;
  std::vector<smtp::Refused> noted_;
  std::size_t noted_in_transactions_ = 0;
  std::size_t own_ = 0;  // refusals of recipients and messages
  std::optional<mail::Reply> discard_;
  std::string output_;
  std::string content_;
  std::vector<std::string> delivered_;
  std::vector<std::string> log_;
  bool closed_ = false;
  bool abused_ = false;
  std::size_t largest_output_ = 0;
};

}  // namespace sallyport::dialogue
