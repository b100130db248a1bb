#include "policy/settings.h"

namespace sallyport::policy {

void Domains::add(const std::string& name, const std::string& route) {
  if (names_.use_count() > 1) names_ = std::make_shared<Both>(*names_);
  if (name.starts_with("*."))
    names_->below[name.substr(2)] = route;
  else
    names_->exact[name] = route;
}

const std::string* Domains::find(std::string_view domain_ascii) const {
  if (auto exact = names_->exact.find(domain_ascii); exact != names_->exact.end()) return &exact->second;
  // The longest suffix first: walk from the left, one label at a time.
  for (auto dot = domain_ascii.find('.'); dot != std::string_view::npos;
       dot = domain_ascii.find('.', dot + 1))
    if (auto below = names_->below.find(domain_ascii.substr(dot + 1)); below != names_->below.end())
      return &below->second;
  return nullptr;
}

}  // namespace sallyport::policy
