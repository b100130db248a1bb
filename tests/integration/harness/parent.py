"""A process that outlives its parent goes on listening, and is found by the next run: none of ours does."""

import ctypes
import signal

PR_SET_PDEATHSIG = 1
PRCTL = ctypes.CDLL(None).prctl  # here, not behind fork(): there other threads' locks stay as they were


def die_with_parent():
    """Called in the new process. A wrapper that changes its credentials (unshare) undoes it."""
    PRCTL(PR_SET_PDEATHSIG, signal.SIGKILL)
