// All alphabets, in one place.
#include <array>

#include "tests/fuzz/alphabet.h"

namespace sallyport::fuzz {
namespace {

using namespace std::string_view_literals;

constexpr std::string_view kLong = "0123456789012345678901234567890123456789012345678901234567890123";
static_assert(kLong.size() == 64);

constexpr std::array commands = {
    Letter{'n', "\r\n"},        Letter{'r', "\r"},         Letter{'l', "\n"},
    Letter{'0', "\0"sv},        Letter{'_', " "},          Letter{'t', "\t"},
    Letter{'a', "a"},           Letter{'1', "1"},          Letter{'9', "9"},
    Letter{'<', "<"},           Letter{'>', ">"},          Letter{':', ":"},
    Letter{'@', "@"},           Letter{'"', "\""},         Letter{'\\', "\\"},
    Letter{'[', "["},           Letter{']', "]"},          Letter{'=', "="},
    Letter{'.', "."},           Letter{'*', "*"},          Letter{'E', "EHLO "},
    Letter{'H', "HELO "},       Letter{'M', "MAIL FROM:"}, Letter{'R', "RCPT TO:"},
    Letter{'m', "mail from:"},  Letter{'D', "DATA"},       Letter{'B', "BDAT "},
    Letter{'L', "LAST"},        Letter{'A', "AUTH "},      Letter{'P', "PLAIN"},
    Letter{'b', "AGEAYg=="},    Letter{'G', "GET "},       Letter{'S', "SSH-"},
    Letter{'6', "\x16"},        Letter{'u', "\xc3\xbc"},   Letter{'v', "\xff"},
    Letter{'4', "[192.0.2.1]"}, Letter{'I', "[IPv6:::1]"}, Letter{'X', kLong}};

constexpr std::array paths = {Letter{'a', "a"},
                              Letter{'B', "B"},
                              Letter{'7', "7"},
                              Letter{'.', "."},
                              Letter{'@', "@"},
                              Letter{'"', "\""},
                              Letter{'\\', "\\"},
                              Letter{'<', "<"},
                              Letter{'>', ">"},
                              Letter{'_', " "},
                              Letter{'[', "["},
                              Letter{']', "]"},
                              Letter{':', ":"},
                              Letter{',', ","},
                              Letter{'-', "-"},
                              Letter{'+', "+"},
                              Letter{'%', "%"},
                              Letter{'!', "!"},
                              Letter{'n', "\r\n"},
                              Letter{'0', "\0"sv},
                              Letter{'D', "\x7f"},
                              Letter{'C', "\xc2\x85"},
                              Letter{'u', "\xc3\xbc"},
                              Letter{'U', "\xc3\x9c"},
                              Letter{'f', "\xef\xbc\xa1"},
                              Letter{'o', "\xe3\x80\x82"},
                              Letter{'j', "\xe2\x80\x8d"},
                              Letter{'v', "\xff"},
                              Letter{'h', "\xd7\xa9"},
                              Letter{'x', "xn--"},
                              Letter{'b', "bcher-kva"},
                              Letter{'e', "example"},
                              Letter{'c', "com"},
                              Letter{'P', "postmaster"},
                              Letter{'I', "IPv6:"},
                              Letter{'4', "192.0.2.1"},
                              Letter{'8', "2001:db8::1"},
                              Letter{'R', "@a,@b.c:"},
                              Letter{'X', kLong}};

constexpr std::array parameters_of_mail_and_rcpt = {
    Letter{'_', " "},         Letter{'=', "="},        Letter{'+', "+"},        Letter{';', ";"},
    Letter{',', ","},         Letter{'@', "@"},        Letter{'a', "a"},        Letter{'F', "F"},
    Letter{'0', "0"},         Letter{'4', "4"},        Letter{'9', "9"},        Letter{'z', "\0"sv},
    Letter{'n', "\r\n"},      Letter{'t', "\t"},       Letter{'u', "\xc3\xbc"}, Letter{'-', "-"},
    Letter{'S', " SIZE="},    Letter{'B', " BODY="},   Letter{'8', "8BITMIME"}, Letter{'7', "7BIT"},
    Letter{'U', " SMTPUTF8"}, Letter{'R', " RET="},    Letter{'f', "FULL"},     Letter{'h', "HDRS"},
    Letter{'E', " ENVID="},   Letter{'N', " NOTIFY="}, Letter{'V', "NEVER"},    Letter{'s', "SUCCESS"},
    Letter{'d', "DELAY"},     Letter{'e', "FAILURE"},  Letter{'O', " ORCPT="},  Letter{'r', "rfc822;"},
    Letter{'A', " AUTH="},    Letter{'x', "+0D"},      Letter{'y', "+2B"},      Letter{'b', "BINARYMIME"},
    Letter{'X', kLong}};

constexpr std::array contents = {Letter{'n', "\r\n"}, Letter{'.', "."},         Letter{'r', "\r"},
                                 Letter{'l', "\n"},   Letter{'a', "a"},         Letter{'0', "\0"sv},
                                 Letter{'t', "\t"},   Letter{'e', "\r\n.\r\n"}, Letter{'8', "12345678"}};

constexpr std::array headers = {Letter{'n', "\r\n"},
                                Letter{'.', "."},
                                Letter{'l', "\n"},
                                Letter{'_', " "},
                                Letter{'t', "\t"},
                                Letter{'a', "a"},
                                Letter{':', ":"},
                                Letter{';', ";"},
                                Letter{'(', "("},
                                Letter{')', ")"},
                                Letter{'\\', "\\"},
                                Letter{'"', "\""},
                                Letter{'R', "Received:"},
                                Letter{'r', "rEcEiVeD"},
                                Letter{'b', " by "},
                                Letter{'m', "mx.example.test"},
                                Letter{'f', " from "},
                                Letter{'M', "Message-ID:"},
                                Letter{'D', "Date:"},
                                Letter{'S', "Subject: x"},
                                Letter{'F', "From someone"},
                                Letter{'A', "ARC-Seal:"},
                                Letter{'P', "Return-Path:"},
                                Letter{'u', "\xc3\xbc"},
                                Letter{'X', kLong},
                                Letter{'I', "[192.0.2.1]"},
                                Letter{'i', "2001:db8::1"},
                                Letter{'H', "HELO "},
                                Letter{'h', "helo="},
                                Letter{'@', "@"},
                                Letter{'E', "Authentication-Results:"}};

constexpr std::array replies_of_next_hops = {Letter{'n', "\r\n"},
                                             Letter{'l', "\n"},
                                             Letter{'r', "\r"},
                                             Letter{'_', " "},
                                             Letter{'-', "-"},
                                             Letter{'0', "0"},
                                             Letter{'1', "1"},
                                             Letter{'2', "2"},
                                             Letter{'5', "5"},
                                             Letter{'9', "9"},
                                             Letter{'.', "."},
                                             Letter{'a', "a"},
                                             Letter{'z', "\0"sv},
                                             Letter{'e', "\x1b"},
                                             Letter{'u', "\xc3\xbc"},
                                             Letter{'v', "\xff"},
                                             Letter{'O', "250 "},
                                             Letter{'o', "250-"},
                                             Letter{'F', "550 "},
                                             Letter{'f', "550-"},
                                             Letter{'T', "451 "},
                                             Letter{'C', "421 "},
                                             Letter{'3', "354 "},
                                             Letter{'B', "220 "},
                                             Letter{'E', "5.1.1 "},
                                             Letter{'4', "4.2.2 "},
                                             Letter{'S', "SIZE "},
                                             Letter{'P', "PIPELINING"},
                                             Letter{'K', "CHUNKING"},
                                             Letter{'U', "SMTPUTF8"},
                                             Letter{'A', "AUTH PLAIN LOGIN"},
                                             Letter{'D', "DSN"},
                                             Letter{'Q', "STARTTLS"},
                                             Letter{'8', "8BITMIME"},
                                             Letter{'X', kLong}};

constexpr std::array proxy_headers = {Letter{'P', "PROXY "},
                                      Letter{'4', "TCP4 "},
                                      Letter{'6', "TCP6 "},
                                      Letter{'U', "UNKNOWN"},
                                      Letter{'n', "\r\n"},
                                      Letter{'r', "\r"},
                                      Letter{'l', "\n"},
                                      Letter{'_', " "},
                                      Letter{'a', "192.0.2.1"},
                                      Letter{'b', "2001:db8::1"},
                                      Letter{'m', "::ffff:192.0.2.1"},
                                      Letter{'.', "."},
                                      Letter{':', ":"},
                                      Letter{'2', "2"},
                                      Letter{'9', "9"},
                                      Letter{'p', "65535"},
                                      Letter{'q', "65536"},
                                      Letter{'S', "\r\n\r\n\0\r\nQUIT\n"sv},
                                      Letter{'V', "\x21"},
                                      Letter{'L', "\x20"},
                                      Letter{'i', "\x11"},
                                      Letter{'I', "\x21"},
                                      Letter{'0', "\0"sv},
                                      Letter{'c', "\0\x0c"sv},
                                      Letter{'s', "\0\x24"sv},
                                      Letter{'o', "\x07\xf0"},
                                      Letter{'v', "\xff"},
                                      Letter{'w', "ABCD"},
                                      Letter{'y', "EFGHIJKLMNOP"}};

constexpr std::array configurations = {Letter{'{', "{"},
                                       Letter{'}', "}"},
                                       Letter{'[', "["},
                                       Letter{']', "]"},
                                       Letter{':', ":"},
                                       Letter{',', ","},
                                       Letter{'n', "\n"},
                                       Letter{'_', " "},
                                       Letter{'/', "//"},
                                       Letter{'*', "/*"},
                                       Letter{'%', "*/"},
                                       Letter{'"', "\""},
                                       Letter{'\\', "\\"},
                                       Letter{'u', "\\u00fc"},
                                       Letter{'v', "\xff"},
                                       Letter{'0', "\0"sv},
                                       Letter{'w', "\xc3\xbc"},
                                       Letter{'1', "1"},
                                       Letter{'9', "9"},
                                       Letter{'-', "-"},
                                       Letter{'.', "."},
                                       Letter{'e', "e"},
                                       Letter{'t', "true"},
                                       Letter{'f', "false"},
                                       Letter{'N', "null"},
                                       Letter{'A', "\"hostname\":"},
                                       Letter{'B', "\"domains\":"},
                                       Letter{'C', "\"routes\":"},
                                       Letter{'D', "\"outbound\":"},
                                       Letter{'E', "\"trusted_networks\":"},
                                       Letter{'F', "\"listeners\":"},
                                       Letter{'G', "\"limits\":"},
                                       Letter{'H', "\"timeouts\":"},
                                       Letter{'I', "\"checks\":"},
                                       Letter{'J', "\"barring\":"},
                                       Letter{'K', "\"role_mailbox\":"},
                                       Letter{'L', "\"hosts\":"},
                                       Letter{'M', "\"route\":"},
                                       Letter{'O', "\"bind\":"},
                                       Letter{'P', "\"tls\":"},
                                       Letter{'Q', "\"recipients\":"},
                                       Letter{'R', "\"message_size\":"},
                                       Letter{'S', "\"command\":"},
                                       Letter{'T', "\"reply\":"},
                                       Letter{'U', "\"upstream\":"},
                                       Letter{'V', "\"lenient_networks\":"},
                                       Letter{'W', "\"example.com\""},
                                       Letter{'X', "\"*.example.com\""},
                                       Letter{'Y', "\"g\""},
                                       Letter{'Z', "\"10.0.0.25:25\""},
                                       Letter{'a', "\"lmtp://[2001:db8::1]:24\""},
                                       Letter{'b', "\"[::]:25\""},
                                       Letter{'c', "\"10.0.0.0/8\""},
                                       Letter{'d', "\"50MB\""},
                                       Letter{'g', "\"1h30m\""},
                                       Letter{'h', "\"never\""},
                                       Letter{'i', "\"ask\""},
                                       Letter{'j', "\"it@example.com\""},
                                       Letter{'k', "\"any\""},
                                       Letter{'l', "\"auth\":"},
                                       Letter{'m', "\"max_connections\":"},
                                       Letter{'o', "\"proxy_protocol\":"},
                                       Letter{'p', "\"password_file\":"},
                                       Letter{'q', "\"none\""},
                                       Letter{'r', "\"role_names\":"},
                                       Letter{'s', "\"state\":"},
                                       Letter{'x', "\"users\":"}};

// Without the commands that must end a group (RFC 2920 3.1): whether something is behind them is a
// matter of time, which a cut changes.
constexpr std::array chunk_sessions = {Letter{'C', "BDAT 5\r\n"},
                                       Letter{'c', "BDAT 5 LAST\r\n"},
                                       Letter{'1', "BDAT 1\r\n"},
                                       Letter{'o', "bdat 1 last\r\n"},
                                       Letter{'z', "BDAT 0 LAST\r\n"},
                                       Letter{'0', "BDAT 0\r\n"},
                                       Letter{'T', "BDAT 13\r\n"},
                                       Letter{'Z', "BDAT 99999999999999999999\r\n"},
                                       Letter{'x', "BDAT -1\r\n"},
                                       Letter{'w', "abc\r\n"},
                                       Letter{'a', "a"},
                                       Letter{'.', "\r\n.\r\n"},
                                       Letter{'n', "\r\n"},
                                       Letter{'r', "\r"},
                                       Letter{'l', "\n"},
                                       Letter{'N', "\0"sv},
                                       Letter{'M', "MAIL FROM:<b@sender.example>\r\n"},
                                       Letter{'A', "RCPT TO:<anna@example.test>\r\n"},
                                       Letter{'B', "RCPT TO:<bob@example.test>\r\n"},
                                       Letter{'R', "RSET\r\n"},
                                       Letter{'K', "NOOP\r\n"},
                                       Letter{'Q', "QUIT\r\n"}};

constexpr std::array sessions = {
    Letter{'E', "EHLO client.example\r\n"}, Letter{'H', "HELO x\r\n"},
    Letter{'M', "MAIL FROM:<a@sender.example>\r\n"}, Letter{'N', "MAIL FROM:<>\r\n"},
    Letter{'S', "MAIL FROM:<b@sender.example> SIZE=10 BODY=8BITMIME\r\n"},
    Letter{'A', "RCPT TO:<anna@example.test>\r\n"}, Letter{'B', "RCPT TO:<bob@example.test>\r\n"},
    Letter{'P', "RCPT TO:<postmaster@example.test>\r\n"}, Letter{'X', "RCPT TO:<x@foreign.example>\r\n"},
    Letter{'O', "RCPT TO:<o@other.test>\r\n"}, Letter{'D', "DATA\r\n"}, Letter{'d', "Subject: x\r\n\r\n"},
    Letter{'j', "Received: from a by mx.example.test; x\r\n"}, Letter{'i', "Message-ID: <1@x>\r\n"},
    Letter{'t', "text\r\n"}, Letter{'.', ".\r\n"}, Letter{'e', "\r\n.\r\n"}, Letter{'n', "\r\n"},
    Letter{'r', "\r"}, Letter{'l', "\n"}, Letter{'0', "\0"sv}, Letter{'p', "."}, Letter{'a', "a"},
    Letter{'u', "\xc3\xbc"}, Letter{'C', "BDAT 5\r\n"}, Letter{'c', "BDAT 5 LAST\r\n"},
    Letter{'z', "BDAT 0 LAST\r\n"}, Letter{'Z', "BDAT 99999999\r\n"}, Letter{'x', "BDAT x\r\n"},
    Letter{'w', "abc\r\n"}, Letter{'R', "RSET\r\n"}, Letter{'K', "NOOP\r\n"}, Letter{'Q', "QUIT\r\n"},
    Letter{'T', "STARTTLS\r\n"}, Letter{'L', "AUTH LOGIN\r\n"}, Letter{'y', "YW5uYQ==\r\n"},
    Letter{'*', "*\r\n"}, Letter{'V', "VRFY x\r\n"}, Letter{'G', "GET / HTTP\r\n"}, Letter{'k', kLong},
    // The client: waits for what we say, sends the rest a moment later, stops sending, is gone, or hears
    // that we go down.
    Letter{';', ""}, Letter{'|', ""}, Letter{'<', ""}, Letter{'>', ""}, Letter{'_', ""},
    // The next hop, to the next thing that it hears (connecting counts).
    Letter{'1', ""}, Letter{'2', ""}, Letter{'3', ""}, Letter{'4', ""}, Letter{'5', ""}, Letter{'6', ""},
    Letter{'7', ""}, Letter{'8', ""}, Letter{'9', ""}, Letter{'+', ""}, Letter{'=', ""}, Letter{'&', ""}};

// Pieces of DNS messages: owners, fixed fields with lengths, data.
constexpr std::array answers_of_dns = {
    Letter{'q', "\xc0\x0c"sv},  // the question's name
    Letter{'p', "\xc0\x0e"sv},  // its parent
    Letter{'o', "\xc0\x15"sv},  // behind the question: the first owner
    Letter{'l', "\xc0\xff"sv},
    Letter{'0', "\0"sv},
    Letter{'1', "\x01"sv},
    Letter{'4', "\x04"sv},
    Letter{'f', "\xff"sv},
    Letter{'n',
           "\x01"
           "a\x01"
           "b\0"sv},
    Letter{'m',
           "\x01"
           "c\0"sv},
    Letter{'C', "\0\x05\0\x01\0\0\0\x09\0\x02"sv},  // CNAME IN 9 s, two octets
    Letter{'c', "\0\x05\0\x01\0\0\0\x09\0\x03"sv},  // three
    Letter{'A', "\0\x01\0\x01\0\0\0\x09\0\x04"sv},  // A, four
    Letter{'6', "\0\x1c\0\x01\0\0\0\x09\0\x10"sv},  // AAAA, sixteen
    Letter{'M', "\0\x0f\0\x01\x7f\xff\xff\xff\0\x04"sv},
    Letter{'T', "\0\x10\0\x01\x80\0\0\0\0\x05"sv},
    Letter{'t', "\0\x10\0\x01\0\0\0\x09\xff\xff"sv},
    Letter{'P', "\0\x0c\0\x01\0\0\0\x09\0\x02"sv},
    Letter{'S', "\0\x06\0\x01\0\0\0\x09\0\x16"sv},  // SOA of 22 octets
    Letter{'x', "\0\x01\0\x03\0\0\0\x09\0\x04"sv},  // class CHAOS
    Letter{'d', "\xc0\0\x02\x01"sv},                // an address
    Letter{'D', "\0\0\0\x05\0\0\0\x05\0\0\0\x05\0\0\0\x05"sv},
    Letter{'w',
           "\x04"
           "text"},
    Letter{'X',
           "\x3f"
           "0123456789012345678901234567890123456789012345678901234567890123456"sv.substr(0, 64)}};

// A new line parts the records of three domains.
constexpr std::array spf_records = {
    Letter{'V', "v=spf1"},    Letter{'_', " "},          Letter{'n', "\n"},
    Letter{'+', "+"},         Letter{'-', "-"},          Letter{'~', "~"},
    Letter{'?', "?"},         Letter{':', ":"},          Letter{'/', "/"},
    Letter{'=', "="},         Letter{'.', "."},          Letter{'%', "%"},
    Letter{'{', "{"},         Letter{'}', "}"},          Letter{'0', "0"},
    Letter{'2', "24"},        Letter{'1', "128"},        Letter{'a', "a"},
    Letter{'x', "x"},         Letter{'r', "r"},          Letter{'A', "all"},
    Letter{'I', "include"},   Letter{'M', "mx"},         Letter{'P', "ptr"},
    Letter{'4', "ip4"},       Letter{'6', "ip6"},        Letter{'E', "exists"},
    Letter{'R', "redirect="}, Letter{'X', "exp="},       Letter{'b', "b.x"},
    Letter{'c', "c.x"},       Letter{'d', "%{d}"},       Letter{'i', "%{ir}.%{v}.x"},
    Letter{'p', "%{p}"},      Letter{'l', "%{l1r-}"},    Letter{'S', "%{S}"},
    Letter{'t', "%{t}"},      Letter{'u', "\xc3\xbc"},   Letter{'z', "\0"sv},
    Letter{'w', "192.0.2.0"}, Letter{'W', "2001:db8::"}, Letter{'L', kLong}};

}  // namespace

Alphabet answer_letters() { return answers_of_dns; }
Alphabet command_letters() { return commands; }
Alphabet path_letters() { return paths; }
Alphabet parameter_letters() { return parameters_of_mail_and_rcpt; }
Alphabet content_letters() { return contents; }
Alphabet header_letters() { return headers; }
Alphabet reply_letters() { return replies_of_next_hops; }
Alphabet proxy_header_letters() { return proxy_headers; }
Alphabet configuration_letters() { return configurations; }
Alphabet chunk_letters() { return chunk_sessions; }
Alphabet spf_letters() { return spf_records; }
Alphabet session_letters() { return sessions; }

}  // namespace sallyport::fuzz
