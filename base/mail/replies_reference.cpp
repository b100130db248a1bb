// docs/replies.md: the reply table for the people who meet it.
#include <fmt/format.h>

#include <array>

#include "base/mail/replies.h"

namespace sallyport::mail {
namespace {

struct ChapterText {
  Chapter chapter;
  const char* title;
  const char* before;  // its table
};

constexpr std::array kChapters = {
    ChapterText{Chapter::session, "The session", ""},
    ChapterText{Chapter::addresses, "Addresses", ""},
    ChapterText{
        Chapter::strangers, "The client and the sender's domain",
        "Given at RCPT, to strangers only (docs/flow.md says who is spared); postmaster and abuse are "
        "taken all the same. The message's\nevent lists every finding, what was asked for it, and what "
        "it counts.\n\n"},
    ChapterText{Chapter::message, "The message", ""},
    ChapterText{Chapter::way, "The way to the internal server",
                "All temporary: the sender keeps the message and tries again.\n\n"},
};

constexpr const char* kBeginning = R"(# Replies

This page is made by `sallyport config replies`.

Every refusal in the order of a session: code, enhanced code, words, its name (in events under `why`), and when it is given or what
to do. All but those with `reply_id: false` end in `; id …`, which names the session (and, with `.N`, its N-th message) in the
events. `…` stands for what varies.

Replies of the internal server are passed on with its own code, enhanced code and words.
)";

std::string row(const RefusalText& entry) {
  std::string words = entry.text;
  if (const auto place = words.find("{}"); place != std::string::npos) words.replace(place, 2, "…");
  return fmt::format("| `{} {} {}` | `{}` | {} |\n", entry.code, entry.enhanced.to_string(), words,
                     entry.name, entry.help);
}

}  // namespace

std::string replies_reference() {
  std::string page = kBeginning;
  for (const ChapterText& chapter : kChapters) {
    page += fmt::format("\n## {}\n\n{}| reply | name | when, and what to do |\n|---|---|---|\n",
                        chapter.title, chapter.before);
    for (const RefusalText& entry : refusal_texts())
      if (entry.chapter == chapter.chapter) page += row(entry);
  }
  return page;
}

}  // namespace sallyport::mail
