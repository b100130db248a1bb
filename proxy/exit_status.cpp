#include "proxy/exit_status.h"

#include <sysexits.h>

#include <array>

namespace sallyport::proxy {

std::span<const ExitStatus> exit_statuses() {
  static constexpr std::array all{
      ExitStatus{EX_OK, "EX_OK", "done; `try`: accepted"},
      ExitStatus{EX_USAGE, "EX_USAGE", "the command line: an option, or a value of one, that is none"},
      ExitStatus{EX_DATAERR, "EX_DATAERR",
                 "what was given is none: an entry, an address, a line of a zone file"},
      ExitStatus{EX_NOINPUT, "EX_NOINPUT",
                 "what was named is not there: an id, an entry, a correspondent, a file"},
      ExitStatus{EX_UNAVAILABLE, "EX_UNAVAILABLE",
                 "a gateway or a state that does not answer; an address that is in use"},
      ExitStatus{EX_SOFTWARE, "EX_SOFTWARE", "a bug; `demo --once`: a session went otherwise"},
      ExitStatus{EX_OSERR, "EX_OSERR", "the system refused something: descriptors, memory"},
      ExitStatus{EX_CANTCREAT, "EX_CANTCREAT",
                 "a folder that takes no files, or a list that takes no more"},
      ExitStatus{EX_IOERR, "EX_IOERR", "a disk: what was changed is not on it"},
      ExitStatus{EX_TEMPFAIL, "EX_TEMPFAIL", "`try`: deferred"},
      ExitStatus{EX_NOPERM, "EX_NOPERM", "a file or a gateway of another user; `try`: refused"},
      ExitStatus{EX_CONFIG, "EX_CONFIG", "the configuration"},
  };
  return all;
}

int exit_status_of(Errc code) {
  switch (code) {
    case Errc::invalid:
      return EX_DATAERR;
    case Errc::not_found:
      return EX_NOINPUT;
    case Errc::limit:
      return EX_CANTCREAT;
    case Errc::no_space:
    case Errc::io:
      return EX_IOERR;
    case Errc::refused:
      return EX_NOPERM;
    default:
      return EX_UNAVAILABLE;
  }
}

int exit_status_of_start(Errc code) {
  switch (code) {
    case Errc::refused:
    case Errc::unreachable:  // an address that this machine does not have
      return EX_UNAVAILABLE;
    case Errc::no_space:
    case Errc::io:
      return EX_OSERR;
    default:
      return EX_CANTCREAT;
  }
}

}  // namespace sallyport::proxy
