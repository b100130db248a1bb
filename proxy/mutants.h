// What two of the known bugs do to a transaction (base/faults.h). Only the faults build has the code.
#pragma once

#include <memory>
#include <string>
#include <string_view>

#include "proxy/relay/relay.h"

namespace sallyport::proxy::mutants {

// "recipients-not-reset": on one thread, by session.
void leave_behind(const std::string& session, const relay::Envelope& envelope,
                  const std::shared_ptr<const relay::Route>& route);
void bring_back(const std::string& session, relay::Envelope& envelope,
                std::shared_ptr<const relay::Route>& route);

// "truncated-header"
std::string_view without_first_line(std::string_view content);

}  // namespace sallyport::proxy::mutants
