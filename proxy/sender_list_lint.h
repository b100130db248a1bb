// Entries of the files of allow and block lists that do not do what they were written for: those that
// cannot hold, and allow entries by which anybody passes who writes that address in MAIL FROM.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/config/diagnostic.h"
#include "base/io/task.h"
#include "dns/resolver.h"
#include "policy/sender_entry.h"
#include "proxy/sender_book.h"
#include "proxy/settings.h"

namespace sallyport::proxy {

struct SenderListFault {
  config::Position position;  // of the first such entry
  std::string what;
  std::string hint;
};

// What the configuration alone tells: checks that are off, and entries that depend on them.
std::vector<SenderListFault> idle_entries(const Settings& settings);

// Entries that mean the whole world, or nobody: a public suffix, a recipient who is none of ours, one that
// has expired. They may be meant so.
std::vector<SenderListFault> surprising_entries(const Settings& settings, WallTime now);
// The same of one entry, "" where there is nothing to say. `settings` may be null.
std::string surprise_of(SenderListKind kind, const policy::SenderEntry& entry,
                        const policy::Settings* settings);

// What the SPF of the allowed domains tells, of 100 of them in each file, side by side; ends by `deadline`.
// What cannot be looked up for now is not told of. One core; what is named outlives the task.
io::Task<std::vector<SenderListFault>> forgeable_entries(std::shared_ptr<const Settings> settings,
                                                         dns::Resolver& resolver, const Clock& clock,
                                                         TimePoint deadline);

}  // namespace sallyport::proxy
