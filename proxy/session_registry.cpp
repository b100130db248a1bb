#include "proxy/session_registry.h"

#include "proxy/session.h"

namespace sallyport::proxy {

SessionRegistry::Entry SessionRegistry::enter(Session& session) {
  sessions_.insert(&session);
  if (draining_) session.drain();
  if (aborted_) session.abort();
  return Entry(*this, session);
}

void SessionRegistry::drain() {
  draining_ = true;
  for (Session* session : sessions_) session->drain();
}

void SessionRegistry::abort() {
  aborted_ = true;
  for (Session* session : sessions_) session->abort();
}

}  // namespace sallyport::proxy
