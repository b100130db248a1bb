// The grammar of SMTP command lines (RFC 5321 4.1, 3030, 3207, 4954, LMTP of RFC 2033), as pure
// functions over one line without its line end. Views point into that line.
//
// What an address or an ESMTP parameter may look like is base/mail's affair.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

namespace sallyport::smtp {

enum class Verb : std::uint8_t {
  helo,
  ehlo,
  lhlo,
  mail,
  rcpt,
  data,
  bdat,
  rset,
  noop,
  quit,
  help,
  vrfy,
  expn,
  starttls,
  auth,
  obsolete,      // TURN, SEND, ...: known, not implemented
  trusted_only,  // XCLIENT, XFORWARD, PROXY: nobody may change who he is
  unknown,
};

struct CommandLine {
  Verb verb = Verb::unknown;
  std::string_view argument;  // without blanks around it
};
CommandLine parse_command(std::string_view line);
std::string_view name_of(Verb verb);  // "" where no word stands for it

// AUTH in whatever spelling: behind "AUTH<tab>PLAIN" or "AUTH:LOGIN" passwords come all the same.
bool is_like_auth(std::string_view line);
// What a log may hold of a line: MAIL, RCPT, HELO and their like as they were written, of anything else its
// first word, of AUTH nothing but that. `secret`: what is no command may be a password.
std::string_view loggable(std::string_view line, bool secret);
// The path of a RCPT command, whatever is wrong with it; "" if it has none.
std::string_view written_recipient(std::string_view line);

// Whether a line belongs to another protocol that shares the port with us by mistake or by malice
// (HTTP's methods, an SSH banner, a Redis array): its next lines must never be read as commands.
bool is_other_protocol(std::string_view line);
// The same by the first octet of a line: TLS records, RDP's TPKT, SSLv2 hellos. They have no line end.
bool is_other_protocol(char first);

// RFC 5321 4.1.1.1, read kindly: any printable ASCII name up to 255 octets, but an address literal has to
// be one. Whether the name is plausible is for policy to judge.
bool is_helo_name(std::string_view argument);

// "FROM:<path> parameters" and "TO:<path> parameters".
struct PathArgument {
  std::string_view path;        // between the brackets
  std::string_view parameters;  // with the blank before them
};
enum class PathArgumentFault { none, keyword, brackets };
// `lenient`: blanks around the colon, and a path without brackets up to the next blank.
PathArgumentFault split_path_argument(std::string_view keyword, std::string_view argument, bool lenient,
                                      PathArgument& out);

// "n" or "n LAST" (RFC 3030 2). nullopt: how many octets follow is unknown.
struct ChunkArgument {
  std::uint64_t octets = 0;
  bool last = false;
};
std::optional<ChunkArgument> parse_chunk_argument(std::string_view argument);

// "mechanism [initial-response]" (RFC 4954 4).
struct AuthArgument {
  std::string_view mechanism;
  std::optional<std::string_view> initial_response;
};
AuthArgument split_auth_argument(std::string_view argument);

}  // namespace sallyport::smtp
