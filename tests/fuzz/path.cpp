// Envelope paths: what is taken can be passed on, and means the same wherever it is read again.
#include "base/mail/address.h"
#include "base/text.h"
#include "tests/fuzz/promise.h"
#include "tests/fuzz/targets.h"

namespace sallyport::fuzz {
namespace {

using mail::Path;
using mail::PathFault;
using mail::PathOptions;

bool same_address(const Path& a, const Path& b) {
  return a.local == b.local && a.domain == b.domain && a.domain_ascii == b.domain_ascii;
}

void check_domain(std::string_view written) {
  mail::DomainName name;
  if (mail::parse_domain(written, name) != mail::DomainFault::none) return;
  mail::DomainName again;
  promise(mail::parse_domain(name.ascii, again) == mail::DomainFault::none && again.ascii == name.ascii,
          "the comparing form of a domain is its own comparing form");
  promise(name.ascii == to_lower(name.ascii) && is_ascii(name.ascii), "it is in lower case and ASCII");
  promise(name.ascii.size() <= 255 && !name.ascii.ends_with('.'), "it is bounded, without a last dot");
}

void check_taken(const Path& path, const PathOptions& options) {
  promise(!mail::holds_control(path.address()), "no control character in an address");
  promise(options.lenient || path.written.size() <= 254, "bounded");
  promise(options.smtputf8 || !path.internationalised, "only SMTPUTF8 carries U-labels");
  promise(options.allow_bare_name || path.is_null() || !path.domain.empty(), "a domain unless it may lack");
  promise(path.internationalised || is_ascii(path.address()), "what is not ASCII is internationalised");
  Path again;
  promise(mail::parse_path(path.address(), options, again) == PathFault::none &&
              same_address(path, again) && !again.source_route && again.address() == path.address(),
          "what a next hop is told reads as what was taken");
}

void check_path(std::string_view text, PathOptions options) {
  Path path;
  const PathFault fault = mail::parse_path(text, options, path);
  promise(path.written == (options.lenient ? trim(text) : text), "it is kept as written");
  if (fault != PathFault::none) {
    promise(path.local.empty() && path.domain.empty(), "nothing is made of a faulty path");
    return;
  }
  check_taken(path, options);
  for (bool PathOptions::* wider :
       {&PathOptions::smtputf8, &PathOptions::lenient, &PathOptions::allow_bare_name}) {
    PathOptions more = options;
    more.*wider = true;
    Path kinder;
    promise(mail::parse_path(text, more, kinder) == PathFault::none && same_address(path, kinder),
            "more permission never changes what a path means");
  }
}

}  // namespace

void path(std::string_view input) {
  const std::size_t choice = take_choice(input, path_letters());
  const std::string text = spell(input, path_letters());
  feed_piece(text, [&](std::string_view piece) {
    check_domain(piece);
    check_path(piece,
               {.smtputf8 = choice % 2 == 1, .lenient = choice % 4 > 1, .allow_bare_name = choice % 8 > 3});
    (void)mail::is_valid_address_literal(piece);
  });
  feed_piece('<' + text, [&](std::string_view piece) {
    std::string_view rest = piece;
    const auto between = mail::take_bracketed(rest);
    if (!between) return;
    promise(between->size() + 2 + rest.size() == piece.size() && piece[between->size() + 1] == '>',
            "brackets are taken with what they enclose");
  });
}

}  // namespace sallyport::fuzz
