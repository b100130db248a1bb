// A sender as greylisting remembers it: the same for every message of one correspondent.
//
// Pure. Gone are what changes from one message to the next: numbers and identifiers (VERP and the
// like), the stamp of BATV (prvs=, btv1==), hash and day of SRS (SRS0, SRS1). Tags behind + are kept.
#pragma once

#include <string>

#include "base/mail/address.h"

namespace sallyport::policy {

// "" for <>. Lower case; as long as the address at most.
std::string lasting_sender(const mail::Path& sender);
// The local part, lower case, without the stamps of BATV and SRS alone: numbers are kept.
std::string unstamped_local(const mail::Path& sender);

}  // namespace sallyport::policy
