// Whether mail to the role addresses of our domains arrives: postmaster and abuse are taken whatever the
// evidence (RFC 5321 4.5.1), so the next hop has to have a mailbox for them, or `role_mailbox` has to be
// one.
//
// Asked as a session would ask (MAIL FROM:<>, RCPT, RSET), no message byte. One core; keeps nothing.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "base/io/task.h"
#include "proxy/settings.h"

namespace sallyport::proxy {

struct RoleFault {
  std::string what;
  std::string hint;
};

// The first 50 domains, side by side; ends by `deadline`. Of each domain one fault, of each host that could
// not be asked one for all its domains.
io::Task<std::vector<RoleFault>> probe_roles(std::shared_ptr<const Settings> settings, io::TaskGroup& tasks,
                                             TimePoint deadline);

}  // namespace sallyport::proxy
