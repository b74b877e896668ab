"""Starting processes that die with the launcher, and finding those that outlived a killed one."""

import ctypes
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from enum import Enum
from functools import partial
from pathlib import Path

LINUX = sys.platform == "linux"
NOBODY = 65534
_CLONE_NEWUSER = 0x10000000
_PR_SET_PDEATHSIG = 1
_LIBC = ctypes.CDLL(None, use_errno=True)


class Identity(Enum):
    """Who a server process runs as; PostgreSQL refuses to run as root."""

    SELF = "self"
    NAMESPACE = "user namespace"
    NOBODY = "nobody"

    @property
    def uid(self) -> int:
        """Owner of the files of such a process."""
        return NOBODY if self is Identity.NOBODY else os.geteuid()


def prepare_child(parent: int, death_signal: int, identity: Identity) -> None:
    """Run in the child between fork and exec."""
    if identity is Identity.NAMESPACE:
        _enter_user_namespace()
    if LINUX:  # set after the identity: changing that one clears it
        _LIBC.prctl(_PR_SET_PDEATHSIG, death_signal, 0, 0, 0)
        if os.getppid() != parent:  # the launcher died before the line above
            os.kill(os.getpid(), signal.SIGKILL)


def _enter_user_namespace() -> None:
    """Be an ordinary user inside, root outside: paths stay reachable, nothing changes hands."""
    if _LIBC.unshare(_CLONE_NEWUSER):
        raise OSError(ctypes.get_errno(), "unshare refused")
    Path("/proc/self/setgroups").write_text("deny")
    Path("/proc/self/uid_map").write_text(f"{NOBODY} 0 1")
    Path("/proc/self/gid_map").write_text(f"{NOBODY} 0 1")


def child_setup(death_signal: int, identity: Identity = Identity.SELF) -> Callable[[], None]:
    """Return the preexec function; call from the main thread, whose end the child notices."""
    return partial(prepare_child, os.getpid(), death_signal, identity)


def server_identity(probe: Iterable[str | Path]) -> Identity:
    """Find out who a server that refuses root can run as here."""
    if os.geteuid() != 0:
        return Identity.SELF
    if LINUX and not os.environ.get("PAYGATE_DEV_NO_USERNS"):
        setup = child_setup(signal.SIGKILL, Identity.NAMESPACE)
        try:
            subprocess.run(list(probe), preexec_fn=setup, capture_output=True, check=True)
        except (subprocess.SubprocessError, OSError):
            return Identity.NOBODY
        return Identity.NAMESPACE
    return Identity.NOBODY


@dataclass(frozen=True)
class Seen:
    """A running process: its group and when it was born (in units of its own)."""

    pid: int
    group: int
    born: str


def processes() -> list[Seen]:
    """List the processes of this machine that have not ended."""
    if LINUX:
        seen = (_from_proc(entry) for entry in Path("/proc").iterdir() if entry.name.isdigit())
        return [process for process in seen if process]
    listing = subprocess.run(
        ["ps", "-axo", "pid=,pgid=,lstart="], capture_output=True, text=True, check=True
    )
    return [_from_ps(line) for line in listing.stdout.splitlines()]


def _from_proc(entry: Path) -> Seen | None:
    try:
        fields = (entry / "stat").read_text().rpartition(")")[2].split()
    except OSError:  # it ended meanwhile
        return None
    state, group, born = fields[0], fields[2], fields[19]
    return None if state in "ZX" else Seen(int(entry.name), int(group), born)


def _from_ps(line: str) -> Seen:
    pid, group, born = line.split(None, 2)
    return Seen(int(pid), int(group), born)


def birth(pid: int) -> str:
    """Return when a process was born, empty if it has ended."""
    return next((seen.born for seen in processes() if seen.pid == pid), "")


def boot() -> str:
    """Name the current boot of the machine: records of processes do not outlive it."""
    try:
        return Path("/proc/sys/kernel/random/boot_id").read_text().strip()
    except OSError:
        return ""


def orphans(groups: dict[str, str]) -> list[Seen]:
    """Return what is left of recorded process groups (leader pid -> birth).

    A group whose number now belongs to a leader born at another time is somebody else's.
    """
    now = processes()
    born = {seen.pid: seen.born for seen in now}
    ours = {int(pid) for pid, birth in groups.items() if born.get(int(pid), birth) == birth}
    return [seen for seen in now if seen.group in ours]


def kill_orphans(groups: dict[str, str], patience: float = 5.0) -> int:
    """Kill what is left of recorded process groups, wait for its end; return how many."""
    found = orphans(groups)
    for seen in found:
        send(seen.pid, signal.SIGKILL)
    deadline = time.monotonic() + patience
    while orphans(groups) and time.monotonic() < deadline:
        time.sleep(0.02)
    return len(found)


def end_process(pid: int, number: int, patience: float = 5.0) -> None:
    """End a process that is not our child: send a signal, wait, and kill it at last."""
    born = birth(pid)
    send(pid, number)
    deadline = time.monotonic() + patience
    while born and birth(pid) == born:
        if time.monotonic() > deadline:
            send(pid, signal.SIGKILL)
        time.sleep(0.02)


def send(pid: int, number: int) -> None:
    """Send a signal to a process that may have ended."""
    try:
        os.kill(pid, number)
    except ProcessLookupError:
        return


def send_group(pid: int, number: int) -> None:
    """Send a signal to a process group that may have ended."""
    try:
        os.killpg(pid, number)
    except (ProcessLookupError, PermissionError):  # macOS: EPERM when only zombies are left
        return


def explain_exit(code: int) -> str:
    """Put an exit code in words."""
    if code >= 0:
        return f"exit code {code}"
    try:
        return f"exit code {code}, killed by {signal.Signals(-code).name}"
    except ValueError:
        return f"exit code {code}, killed by signal {-code}"
