#include "proxy/mutants.h"

#include <algorithm>
#include <unordered_map>
#include <vector>

namespace sallyport::proxy::mutants {
namespace {

struct Leftover {
  std::vector<relay::Recipient> recipients;
  std::shared_ptr<const relay::Route> route;
};

thread_local std::unordered_map<std::string, Leftover> leftovers;

}  // namespace

void leave_behind(const std::string& session, const relay::Envelope& envelope,
                  const std::shared_ptr<const relay::Route>& route) {
  leftovers[session] = {envelope.recipients, route};
}

void bring_back(const std::string& session, relay::Envelope& envelope,
                std::shared_ptr<const relay::Route>& route) {
  const auto found = leftovers.find(session);
  if (found == leftovers.end()) return;
  envelope.recipients = std::move(found->second.recipients);
  route = std::move(found->second.route);
  leftovers.erase(found);
}

std::string_view without_first_line(std::string_view content) {
  return content.substr(std::min(content.find('\n'), content.size() - 1) + 1);
}

}  // namespace sallyport::proxy::mutants
