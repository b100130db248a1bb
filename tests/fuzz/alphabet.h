// The alphabets of the fuzz targets: each octet that the fuzzer makes up stands for a piece of text that
// the parser can make something of, so that it digs for meaning instead of spelling.
//
// An octet that is a letter of the alphabet stands for that letter's text, any other one for the letter at
// its number modulo the alphabet's size. entry.cpp writes letters only, so that corpora can be read.
// Tables live as long as the program.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>

namespace sallyport::fuzz {

struct Letter {
  char letter;
  std::string_view text;
};
using Alphabet = std::span<const Letter>;

const Letter& letter_of(char octet, Alphabet alphabet);
// The number of the letter that the first octet stands for, which is taken off: for choices. 0: no octet
// left.
std::size_t take_choice(std::string_view& input, Alphabet alphabet);
std::string spell(std::string_view input, Alphabet alphabet);
// Every octet replaced by the letter that it stands for.
void write_in_letters(std::span<char> input, Alphabet alphabet);

Alphabet answer_letters();
Alphabet command_letters();
Alphabet path_letters();
Alphabet parameter_letters();
Alphabet content_letters();
Alphabet header_letters();
Alphabet reply_letters();
Alphabet proxy_header_letters();
Alphabet configuration_letters();
Alphabet chunk_letters();
Alphabet spf_letters();
// Of sessions. Letters without text are not what the client sends, but what happens to it
// (session_client.h), or what the next hop does (session_hop.h).
Alphabet session_letters();

}  // namespace sallyport::fuzz
