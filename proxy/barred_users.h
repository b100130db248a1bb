// Barring lists that bar our own users: those who log in, and the clients in `trusted_networks`. Barring
// holds for everybody, unless a rule says otherwise, and a list that was written against strangers who
// write our addresses stops the mail of the house.
#pragma once

#include <vector>

#include "proxy/sender_list_lint.h"

namespace sallyport::proxy {

// Lines of the senders' list by which nobody of ours can write as one of our domains, and of the
// recipients' list by which they can write to nobody elsewhere, as the rules have it for them.
std::vector<SenderListFault> barred_users(const Settings& settings);

}  // namespace sallyport::proxy
