// The lists that the configuration names, in whatever section, rule or route, parsed: each once, by its
// path.
//
// None of them ever changes: settings whose lists are read again share those whose files are what they
// were.
#pragma once

#include <map>
#include <memory>
#include <string>
#include <vector>

#include "policy/generic_names.h"
#include "policy/sender_lists.h"
#include "policy/wildcard_list.h"

namespace sallyport::proxy {

struct ParsedLists {
  template <class List>
  using ByPath = std::map<std::string, List>;

  ByPath<policy::WildcardList> barring;
  ByPath<std::shared_ptr<const policy::GenericNames>> generic_names;
  ByPath<std::shared_ptr<const policy::SenderList>> allow;
  ByPath<std::shared_ptr<const policy::SenderList>> block;
  ByPath<std::shared_ptr<const std::vector<std::string>>> recipients;  // mail::Path::key(), sorted
};

}  // namespace sallyport::proxy
