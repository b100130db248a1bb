// Faults on purpose, for the tests: places where the process kills itself, and known bugs to switch on.
//
// Only in the build with -Dfaults=true (`deploy/build faults`), where the environment chooses:
//
//   SALLYPORT_CRASH=NAME     SIGKILL at the first pass of a crash point (NAME:3: at the third)
//   SALLYPORT_MUTANT=NAME    the gateway has that bug
//
// In every other build nothing is left of them: the compiler checks the names and forgets them. A name
// that is not in its table does not compile. `sallyport faults` of that build prints both tables.
// Usable from every thread.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace sallyport::faults {

// A name says what has just been done.
inline constexpr std::string_view kCrashPoints[] = {
    // the client's side
    "session.accepted",
    "session.before-greeting",
    "session.ehlo",
    "session.tls",
    "session.mail",
    "session.rcpt",
    "session.rcpt-judged",
    "session.data",
    "session.content",
    "session.before-spill",
    "session.spilled",
    "session.message",
    "session.judged",
    "session.recorded",
    "session.replied",
    "session.before-remembering",
    "session.remembered",
    "session.reset",
    "session.before-end",
    "session.ended",
    // the next hop's side
    "relay.before-connect",
    "relay.connected",
    "relay.greeted",
    "relay.introduced",
    "relay.before-tls",
    "relay.tls",
    "relay.before-asking",
    "relay.asked",
    "relay.concluded",
    "relay.borrowed",
    "relay.before-another",
    "relay.before-envelope",
    "relay.envelope",
    "relay.refused",
    "relay.data",
    "relay.content",
    "relay.before-dot",
    "relay.dot",
    "relay.answered",
    "relay.delivered",
    "relay.spared",
    "relay.before-ambiguous",
    "relay.ambiguous",
    "relay.before-split",
    "relay.split",
    "relay.handed-back",
    // the disk
    "state.locked",
    "state.created",
    "state.loaded",
    "state.before-set-aside",
    "state.set-aside",
    "state.submitted",
    "state.batch",
    "state.before-commit",
    "state.committed",
    "event.before-write",
    "event.written",
    // the process
    "start.state",
    "start.listening",
    "start.announced",
    "reload.signal",
    "reload.loaded",
    "reload.opened",
    "reload.adopted",
    "reload.done",
    "stop.signal",
    "stop.listeners",
    "stop.drained",
    "stop.idle",
    "stop.cores",
    "stop.state",
    "stop.recorded",
};

inline constexpr std::string_view kMutants[] = {
    "early-250",             // 250 before the next hop has answered our final dot
    "retry-after-dot",       // a delivery that broke after the final dot is tried on another connection
    "skipped-fsync",         // what is told to the state file never gets there
    "recipients-not-reset",  // the recipients of a session's last transaction stay in its next one
    "truncated-header",      // the header block loses its beginning
};

template <const auto& Table>
struct Name {
  consteval Name(const char* name) {  // implicit: a literal names an entry
    while (Table[index] != name) ++index;
  }
  std::size_t index = 0;
};

std::string list();  // a line each; only where kBuilt

#ifdef SALLYPORT_FAULTS

inline constexpr bool kBuilt = true;
void pass(std::size_t crash_point);
inline void crash_point(Name<kCrashPoints> name) { pass(name.index); }
bool chosen(std::size_t mutant);
inline bool mutant(Name<kMutants> name) { return chosen(name.index); }

#else

inline constexpr bool kBuilt = false;
inline void crash_point(Name<kCrashPoints>) {}
consteval bool mutant(Name<kMutants>) { return false; }

#endif

}  // namespace sallyport::faults
