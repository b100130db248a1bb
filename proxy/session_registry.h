// The sessions of one core, so that a shutdown can reach them. One thread only: the core's.
#pragma once

#include <unordered_set>

namespace sallyport::proxy {

class Session;

class SessionRegistry {
 public:
  class Entry {
   public:
    Entry(SessionRegistry& registry, Session& session) : registry_(registry), session_(session) {}
    ~Entry() { registry_.sessions_.erase(&session_); }
    Entry(const Entry&) = delete;
    Entry& operator=(const Entry&) = delete;

   private:
    SessionRegistry& registry_;
    Session& session_;
  };

  [[nodiscard]] Entry enter(Session& session);
  void drain();  // every session, now and to come, ends at its next idle moment
  void abort();  // every session, now and to come, ends at once

 private:
  std::unordered_set<Session*> sessions_;
  bool draining_ = false;
  bool aborted_ = false;
};

}  // namespace sallyport::proxy
