// Whom another server took a message from, by the Received field that it wrote (RFC 5321 4.4): its client's
// address and HELO.
//
// Every server writes the field in its own way: Postfix and sendmail (`from helo (name [address])`), Exim
// (`from name ([address] helo=helo)`, `from [address] (helo=helo)`), Exchange (`from helo (address)`),
// qmail
// (`from name (HELO helo) (address)`). The address is one that the server saw, never one that the client
// said: it stands in a comment, and is taken from the word behind "from" only where a comment says that
// the HELO was another.
//
// Pure, bounded. HELO is a stranger's word, without blanks and control characters, of at most 255 octets.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/ip_address.h"

namespace sallyport::mail {

struct ReceivedClient {
  IpAddress address;
  std::string helo;  // "" = not said, or not fit to be shown
  bool operator==(const ReceivedClient&) const = default;
};

// `value`: what follows the colon, folded or not. nullopt: it names no client, as a field of a message that
// a server took from itself.
std::optional<ReceivedClient> received_client(std::string_view value);

// Reads the header block of a message as it arrives: what its first Received fields name, the topmost
// first. Push parser; what is found does not depend on how the message was cut.
class ReceivedClients {
 public:
  static constexpr std::size_t kMostFields = 8;
  static constexpr std::size_t kMostHeld = 4096;  // octets of one field; what follows is not read

  void feed(std::string_view content);
  void finish();  // the message is over; it may have ended inside its header

  bool complete() const { return over_ || found_.size() == kMostFields; }  // nothing more will be found
  const std::vector<std::optional<ReceivedClient>>& found() const { return found_; }

 private:
  enum class State { line_start, name, value, skipping };

  void begin_line(char first);
  void name_octet(char c);
  void take_line(std::string_view& content);
  void settle();

  State state_ = State::line_start;
  State line_state_ = State::skipping;  // of the field that a folded line goes on with
  std::size_t matched_ = 0;             // octets of the name, or of an empty line
  bool after_cr_ = false;
  bool over_ = false;
  std::string held_;
  std::vector<std::optional<ReceivedClient>> found_;
};

}  // namespace sallyport::mail
