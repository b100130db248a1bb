#include "tests/dialogue/script.h"

#include <algorithm>
#include <charconv>

namespace sallyport::dialogue {
namespace {

std::string_view take_word(std::string_view& text) {
  const std::string_view word = text.substr(0, text.find(' '));
  text.remove_prefix(std::min(text.size(), word.size() + 1));
  return word;
}

int to_int(std::string_view digits) {
  int value = 0;
  std::from_chars(digits.data(), digits.data() + digits.size(), value);
  return value;
}

// "550 5.1.1 text"
mail::Reply parse_reply(std::string_view text) {
  mail::Reply reply;
  reply.code = to_int(take_word(text));
  std::string_view enhanced = take_word(text);
  const auto number = [&enhanced] {
    const std::string_view digits = enhanced.substr(0, enhanced.find('.'));
    enhanced.remove_prefix(std::min(enhanced.size(), digits.size() + 1));
    return to_int(digits);
  };
  reply.enhanced.klass = static_cast<std::uint8_t>(number());
  reply.enhanced.subject = static_cast<std::uint16_t>(number());
  reply.enhanced.detail = static_cast<std::uint16_t>(number());
  reply.text = text;
  return reply;
}

class Parser {
 public:
  explicit Parser(Script& script) : script_(script) {}

  void line(std::string_view text) {
    ++line_;
    if (text.empty() || text.starts_with('#')) return;
    std::string_view rest = text;
    const std::string_view word = take_word(rest);
    if (!client(word, rest) && !server(word, rest) && !owner(word, rest))
      script_.errors.push_back(script_.name + ':' + std::to_string(line_) + ": " + std::string(text));
  }

 private:
  bool client(std::string_view word, std::string_view rest) {
    if (word == "C:") return send(std::string(rest) + "\r\n");
    if (word == "C~") return send(unescape(rest));
    if (word != "C*") return false;
    const int times = to_int(take_word(rest));
    const std::string octets = unescape(rest);
    std::string all;
    for (int i = 0; i < times; ++i) all += octets;
    return send(all);
  }

  bool server(std::string_view word, std::string_view rest) {
    if (word == "S:") {
      const int code = to_int(take_word(rest));
      return step(Expect{code, std::string(rest)});
    }
    if (word == "S!") return step(ExpectNot{std::string(rest)});
    if (word == "closed") return step(ExpectClosed{});
    if (word == "delivered") return step(ExpectDelivered{static_cast<std::size_t>(to_int(rest))});
    return word == "content" && step(ExpectContent{unescape(rest)});
  }

  bool owner(std::string_view word, std::string_view rest) {
    if (word == "tls") return step(Handshake{});
    if (word == "discard") return step(Discard{parse_reply(rest)});
    const std::string name(word == "answer" || word == "set" ? take_word(rest) : "");
    if (word == "answer") return step(Answer{name, parse_reply(rest)});
    if (word == "set") script_.settings.push_back({name, std::string(rest)});
    return word == "set";
  }

  // Lines that follow each other are one write.
  bool send(const std::string& octets) {
    if (!script_.steps.empty()) {
      if (auto* before = std::get_if<Send>(&script_.steps.back().what)) {
        before->octets += octets;
        return true;
      }
    }
    return step(Send{octets});
  }

  template <class What>
  bool step(What what) {
    script_.steps.push_back({line_, std::move(what)});
    return true;
  }

  Script& script_;
  int line_ = 0;
};

}  // namespace

bool Script::has(std::string_view setting) const {
  return std::ranges::any_of(settings, [&](const Setting& entry) { return entry.name == setting; });
}

Script parse_script(std::string name, std::string_view text) {
  Script script;
  script.name = std::move(name);
  Parser parser(script);
  while (!text.empty()) {
    const std::string_view line = text.substr(0, text.find('\n'));
    text.remove_prefix(std::min(text.size(), line.size() + 1));
    parser.line(line);
  }
  return script;
}

std::string unescape(std::string_view text) {
  std::string out;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] != '\\' || i + 1 == text.size()) {
      out += text[i];
      continue;
    }
    const char c = text[++i];
    if (c == 'x' && i + 2 < text.size()) {
      int value = 0;
      std::from_chars(text.data() + i + 1, text.data() + i + 3, value, 16);
      out += static_cast<char>(value);
      i += 2;
      continue;
    }
    constexpr std::string_view names = "rnt0\\";
    constexpr std::string_view octets{"\r\n\t\0\\", 5};
    const std::size_t known = names.find(c);
    out += known == std::string_view::npos ? c : octets[known];
  }
  return out;
}

}  // namespace sallyport::dialogue
