"""The data directory: who uses it, its secrets, and what the last run left behind."""

import fcntl
import json
import os
import secrets
import shutil
import tempfile
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any

from devstack.console import UserError
from devstack.process import birth, boot, kill_orphans

_SOCKET_PREFIX = "paygate-"
_LONGEST_TEMP = 60  # a socket path ends at 107 bytes (103 on macOS)
_BIG_LOG = 10_000_000


@dataclass
class DataDir:
    """One data directory, used by one launcher at a time."""

    path: Path
    sockets: Path | None = None
    _lock: IO[str] | None = None
    _groups: dict[str, str] = field(default_factory=dict)
    _ready: dict[str, str] | None = None
    _what: str = ""

    @classmethod
    def open(cls, path: Path) -> "DataDir":
        """Make the directory if need be; it is private to its owner."""
        try:
            path.mkdir(mode=0o700, parents=True, exist_ok=True)
            (path / "logs").mkdir(exist_ok=True)
        except OSError as error:
            raise UserError(f"cannot use {path} as data directory: {error.strerror}") from error
        if not os.access(path / "logs", os.W_OK):
            raise UserError(f"the data directory {path} belongs to another user")
        return cls(path)

    @property
    def state_file(self) -> Path:
        """What the running launcher tells the others."""
        return self.path / "run.json"

    def log(self, name: str) -> Path:
        """Return the log file of a process."""
        return self.path / "logs" / f"{name}.log"

    # One launcher at a time: the kernel drops the lock of a killed one.

    def try_own(self) -> bool:
        """Become the one launcher of this directory, if there is none."""
        lock = (self.path / "run.lock").open("a")
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            lock.close()
            return False
        self._lock = lock
        return True

    def begin(self, what: str) -> int:
        """Clear away what a killed run left; return how many processes of it there were."""
        cleared = self.clear_leftovers()
        for log in (self.path / "logs").glob("*.log"):
            if log.stat().st_size > _BIG_LOG:
                log.replace(log.with_suffix(".log.old"))
        self.sockets = Path(tempfile.mkdtemp(prefix=_SOCKET_PREFIX, dir=_short_temp()))
        self._what = what
        self._write_state()
        return cleared

    def clear_leftovers(self) -> int:
        """Kill the processes and remove the socket directory of a run that was killed."""
        state = self.state()
        killed = kill_orphans(state.get("groups", {})) if state.get("boot") == boot() else 0
        _remove_sockets(state.get("sockets", ""))
        self.state_file.unlink(missing_ok=True)
        return killed

    def end(self) -> None:
        """Remove what only a running launcher needs, and let the next one in."""
        if self.sockets:
            _remove_sockets(str(self.sockets))
        self.state_file.unlink(missing_ok=True)
        if self._lock:
            self._lock.close()

    # What the running launcher tells the others.

    def state(self) -> dict[str, Any]:
        """Return what the running launcher, or the last killed one, wrote."""
        try:
            found: dict[str, Any] = json.loads(self.state_file.read_text())
        except (OSError, ValueError):
            return {}
        return found

    def note_processes(self, pids: list[int]) -> None:
        """Remember the process groups that belong to this run."""
        known = {**self._groups}
        self._groups = {str(pid): known.get(str(pid)) or birth(pid) for pid in pids}
        self._write_state()

    def note_ready(self, environment: dict[str, str]) -> None:
        """Tell others how to reach the embedded servers."""
        self._ready = environment
        self._write_state()

    def _write_state(self) -> None:
        state = {
            "pid": os.getpid(),
            "what": self._what,
            "boot": boot(),
            "sockets": str(self.sockets),
            "groups": self._groups,
            "environment": self._ready,
        }
        write_private(self.state_file, json.dumps(state))

    # Secrets: made once, kept beside the data they open.

    def secret(self, name: str) -> str:
        """Return a secret of this installation, made at the first call."""
        return self.stored_secret(name) or self.store_secret(name, secrets.token_urlsafe(48))

    def stored_secret(self, name: str) -> str:
        """Return a secret if it is there, else an empty string."""
        return str(self._secrets().get(name, ""))

    def store_secret(self, name: str, value: str) -> str:
        """Keep a secret."""
        write_private(
            self.path / "secrets.json", json.dumps(self._secrets() | {name: value}, indent=1)
        )
        return value

    def _secrets(self) -> dict[str, str]:
        try:
            found: dict[str, str] = json.loads((self.path / "secrets.json").read_text())
        except FileNotFoundError:
            return {}
        return found


def write_private(path: Path, text: str) -> None:
    """Replace a file, readable by its owner only, in one step that also survives a power cut."""
    draft = path.with_name(f".{path.name}.{os.getpid()}")
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "w") as handle:
        handle.write(text)
        handle.flush()
        os.fsync(handle.fileno())
    draft.replace(path)


def _short_temp() -> str:
    found = tempfile.gettempdir()
    return found if len(found) <= _LONGEST_TEMP else "/tmp"  # noqa: S108 - mkdtemp makes a private directory in it


def _remove_sockets(name: str) -> None:
    if name and Path(name).name.startswith(_SOCKET_PREFIX):
        shutil.rmtree(name, ignore_errors=True)
