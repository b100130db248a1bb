// What commands have added to the allow and block lists, copied for a command that judges as a session
// would.
#pragma once

#include <memory>

#include "base/result.h"
#include "base/store/state_store.h"
#include "proxy/sender_book.h"
#include "proxy/settings.h"

namespace sallyport::proxy {

// In memory: what is done to it changes nothing.
struct AddedSenders {
  std::unique_ptr<store::StateStore> state;
  std::unique_ptr<SenderBook> book;
};

// Of the gateway that runs with these settings, else of its state, if there is one; root becomes its owner
// for that, as in control_client.h. Errors: as there.
Result<AddedSenders> added_senders(const Settings& settings);

}  // namespace sallyport::proxy
