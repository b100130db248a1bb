#include "policy/settings.h"

namespace sallyport::policy {

void Domains::add(const std::string& name, const std::string& route) {
  if (name.starts_with("*."))
    below_[name.substr(2)] = route;
  else
    exact_[name] = route;
}

const std::string* Domains::find(std::string_view domain_ascii) const {
  if (auto exact = exact_.find(domain_ascii); exact != exact_.end()) return &exact->second;
  // The longest suffix first: walk from the left, one label at a time.
  for (auto dot = domain_ascii.find('.'); dot != std::string_view::npos;
       dot = domain_ascii.find('.', dot + 1))
    if (auto below = below_.find(domain_ascii.substr(dot + 1)); below != below_.end())
      return &below->second;
  return nullptr;
}

}  // namespace sallyport::policy
