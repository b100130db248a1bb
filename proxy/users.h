// Who may authenticate: a file of lines `name:hash`, the hash in any form that crypt(3) knows
// (`mkpasswd -m yescrypt`). The file is read at every login, so a removed account fails at once.
#pragma once

#include <string>

#include "base/io/task.h"
#include "base/io/worker_pool.h"
#include "base/mail/reply.h"

namespace sallyport::proxy {

// 235, 535 5.7.8 (wrong name or password, indistinguishable), or 454 4.7.0 (the file cannot be read, or
// too many logins at once). The password is wiped.
io::Task<mail::Reply> check_password(std::string file, std::string user, std::string password,
                                     io::WorkerPool& passwords);

}  // namespace sallyport::proxy
