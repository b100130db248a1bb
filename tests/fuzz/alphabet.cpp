#include "tests/fuzz/alphabet.h"

#include <algorithm>

namespace sallyport::fuzz {

const Letter& letter_of(char octet, Alphabet alphabet) {
  const auto found = std::ranges::find(alphabet, octet, &Letter::letter);
  return found == alphabet.end() ? alphabet[static_cast<unsigned char>(octet) % alphabet.size()] : *found;
}

std::size_t take_choice(std::string_view& input, Alphabet alphabet) {
  if (input.empty()) return 0;
  const auto* chosen = &letter_of(input.front(), alphabet);
  input.remove_prefix(1);
  return static_cast<std::size_t>(chosen - alphabet.data());
}

std::string spell(std::string_view input, Alphabet alphabet) {
  std::string text;
  for (const char octet : input) text += letter_of(octet, alphabet).text;
  return text;
}

void write_in_letters(std::span<char> input, Alphabet alphabet) {
  for (char& octet : input) octet = letter_of(octet, alphabet).letter;
}

}  // namespace sallyport::fuzz
