#include "policy/settings.h"

#include "base/case_folding.h"

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

// Both as written (the patterns against quoted paths mean the quotes) and as it compares: "joe"@our.domain
// is joe@our.domain, and what clears the one clears the other.
std::optional<int> BarringList::bars(const mail::Path& path) const {
  const std::string written = path.address(), compared = path.key();
  return folds_alike(written, compared) ? list.bars(written, star) : list.bars({written, compared}, star);
}

}  // namespace sallyport::policy
