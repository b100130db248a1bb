// `sallyport explain`: the life of a session or a message. Returns an exit status: 66 if nothing is kept of
// it.
#pragma once

#include <string>
#include <vector>

#include "proxy/kept_events.h"

namespace sallyport::proxy {

struct ExplainOptions {
  EventSource source;
  std::vector<std::string> id;  // as it stands in a reply: "id 3kf9x2m0q1a.1" will do
  bool json = false;
};

int run_explain(const ExplainOptions& options);

}  // namespace sallyport::proxy
