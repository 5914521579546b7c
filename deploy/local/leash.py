"""Becomes another program that dies with its parent.

    python -I -S leash.py PARENT_PID SIGNAL USER_ID COMMAND...

The kernel sends SIGNAL to COMMAND as soon as the parent is gone, however it went. A program of its
own, since doing this between fork and exec is not safe in a parent with threads. USER_ID -1 keeps
the user; any other drops root for good. COMMAND leaves no core file when it crashes: what is in its
memory, such as who reported, stays off the disk. Standard library only, nothing of this project.
"""

import ctypes
import os
import resource
import sys

PR_SET_PDEATHSIG = 1


def main(parent: int, signal: int, user: int, command: list[str]) -> None:
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    if user >= 0:
        os.setgroups([])
        os.setgid(user)
        os.setuid(user)
    # after the change of user, which clears it
    ctypes.CDLL(None, use_errno=True).prctl(PR_SET_PDEATHSIG, signal)
    if os.getppid() != parent:  # it died before the kernel knew what we want
        sys.exit(1)
    os.execvp(command[0], command)  # noqa: S606 - the caller's command, never a shell's


if __name__ == "__main__":
    main(int(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3]), sys.argv[4:])
