// The section `lists`.
#include "proxy/settings_check_types.h"
#include "proxy/settings_types.h"
#include "proxy/settings_written.h"

namespace sallyport::proxy {

using config::Stage;
using config::Table;
using policy::CorrespondentSettings;

namespace {

const Table<CorrespondentSettings>& correspondents_table() {
  static const auto table =
      Table<CorrespondentSettings>(
          "People our users write to. An address to which one of our users sent mail is let through to "
          "that user, as by an allow entry; to others in his domain it waits for no greylisting, and has "
          "`score`. Only mail that was delivered counts, and none that a program sent.")
          .ruled()
          .field("mode", &CorrespondentSettings::mode, more_is_stricter(mode()), Stage::rcpt,
                 "`enforce`, `observe` (remembered and recorded, never acted on) or `off`")
          .field("remember", &CorrespondentSettings::remember,
                 config::duration<Duration>(std::chrono::seconds(1), std::chrono::hours(24 * 1830)),
                 Stage::rcpt, "how long, after our user last wrote")
          .field("score", &CorrespondentSettings::score, more_is_stricter(config::integer<int>(-100, 0)),
                 Stage::rcpt,
                 "points of a sender to whom somebody else in the recipient's domain has written")
          .field("recipients", &CorrespondentSettings::recipients, config::integer<int>(1, 10'000),
                 Stage::rcpt, "a message to more of them makes nobody a correspondent");
  return table;
}

}  // namespace

const Table<SenderListsSection>& sender_lists_table() {
  static const auto table =
      Table<SenderListsSection>(
          "Senders that are let through, and senders that are refused (docs/lists.md). The files have one "
          "entry a line: an "
          "address, `example.com`, `*.example.com`, a network, `rdns:*.example.net`; `sallyport allow` and "
          "`sallyport "
          "block` add others. In both: let through.")
          .ruled()
          .field("allow", &SenderListsSection::allow, located(list_file()), Stage::rcpt,
                 "list of senders that no check and no block list refuses; \"\" is none")
          .field("allow_mode", &SenderListsSection::allow_mode, more_is_stricter(mode()), Stage::rcpt,
                 "`enforce`, `observe` (recorded, never acted on) or `off`")
          .field("block", &SenderListsSection::block, located(list_file()), Stage::rcpt,
                 "list of senders that are refused; \"\" is none")
          .field("block_mode", &SenderListsSection::block_mode, mode(), Stage::rcpt,
                 "the same, of block lists")
          .field("block_reply", &SenderListsSection::block_reply, never_stricter(reply_text()), Stage::rcpt,
                 "what a blocked sender is told, word for word")
          .field("block_reply_id", &SenderListsSection::block_reply_id, never_stricter(config::boolean()),
                 Stage::rcpt, "whether `; id X` follows that text")
          .field("correspondents", &SenderListsSection::correspondents,
                 config::section(correspondents_table()), Stage::rcpt, "people our users write to");
  return table;
}

}  // namespace sallyport::proxy
