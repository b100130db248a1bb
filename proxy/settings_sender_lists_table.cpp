// The section `lists`.
#include "proxy/settings_check_types.h"
#include "proxy/settings_types.h"
#include "proxy/settings_written.h"

namespace sallyport::proxy {

using config::Stage;
using config::Table;

const Table<SenderListsSection>& sender_lists_table() {
  static const auto table =
      Table<SenderListsSection>(
          "Senders that are let through, and senders that are refused (docs/lists.md). The files have one "
          "entry a line: an "
          "address, `example.com`, `*.example.com`, a network, `rdns:*.example.net`; `sallyport allow` and "
          "`sallyport "
          "block` add others. In both: let through.")
          .ruled()
          .field("allow", &SenderListsSection::allow, located(config::file_name()), Stage::rcpt,
                 "list of senders that no check and no block list refuses")
          .field("allow_mode", &SenderListsSection::allow_mode, more_is_stricter(mode()), Stage::rcpt,
                 "`enforce`, `observe` (recorded, never acted on) or `off`")
          .field("block", &SenderListsSection::block, located(config::file_name()), Stage::rcpt,
                 "list of senders that are refused")
          .field("block_mode", &SenderListsSection::block_mode, mode(), Stage::rcpt,
                 "the same, of block lists");
  return table;
}

}  // namespace sallyport::proxy
