"""The virtual environment: built from the lock when that or the Python changed.

A marker file stands in the environment while it is being changed. Found at the next start, it
means that an install was cut short, and the environment is built again from nothing: pip cannot
tell a half-written package.
"""

import fcntl
import hashlib
import importlib.util
import json
import os
import platform
import shutil
import subprocess
import sys
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from devstack.console import UserError, carry_timeline, complain, say

LOCKS = {"runtime": "requirements.lock", "dev": "requirements-dev.lock"}
PIP_FLAGS = (
    "install",
    "--disable-pip-version-check",
    "--no-input",
    "--require-hashes",
    "--only-binary",
    ":all:",
)


@dataclass(frozen=True)
class Venv:
    """The environment of one checkout."""

    root: Path

    @property
    def path(self) -> Path:
        """Where the environment is."""
        return self.root / ".venv"

    @property
    def python(self) -> Path:
        """Its interpreter."""
        return self.path / "bin" / "python"

    @property
    def stamp(self) -> Path:
        """The record of what is installed."""
        return self.path / ".installed.json"

    @property
    def marker(self) -> Path:
        """Stands while an install is going on."""
        return self.path / ".installing"

    def lock(self, kind: str) -> Path:
        """Return the lock file of a kind of install."""
        return self.root / LOCKS[kind]

    def wanted(self, kind: str) -> dict[str, str]:
        """Return the stamp of a complete install; dev packages that are there stay."""
        installed = self.installed()
        kind = "dev" if installed.get("kind") == "dev" else kind
        lock = hashlib.sha256(self.lock(kind).read_bytes()).hexdigest()
        return {"kind": kind, "lock": lock, "python": interpreter(), "path": str(self.path)}

    def installed(self) -> dict[str, str]:
        """Return the stamp of the last complete install, empty if there is none to rely on."""
        if self.marker.exists() or not self.python.exists():
            return {}
        try:
            found: dict[str, str] = json.loads(self.stamp.read_text())
        except (OSError, ValueError):
            return {}
        return found

    def must_be_rebuilt(self) -> bool:
        """Say whether what is there cannot be built upon."""
        if self.marker.exists() or not self.python.exists():
            return True
        probe = subprocess.run(
            [self.python, "-c", "import sys; print(sys.implementation.cache_tag)"],
            capture_output=True,
            text=True,
        )
        return probe.stdout.strip() != sys.implementation.cache_tag


def interpreter() -> str:
    """Name the running Python, as far as installed packages depend on it."""
    return f"{sys.implementation.cache_tag}-{platform.system()}-{platform.machine()}"


def enter(root: Path, kind: str) -> None:
    """Bring the environment up to date and continue inside it; returns when already there."""
    venv = Venv(root)
    ensure(venv, kind)
    if Path(sys.prefix).resolve() != venv.path.resolve():
        command = [str(venv.python), str(root / "dev.py"), *sys.argv[1:]]
        os.execve(venv.python, command, carry_timeline())


def ensure(venv: Venv, kind: str) -> None:
    """Install what the lock asks for, unless it is there."""
    if venv.installed() == venv.wanted(kind):
        return
    with _one_at_a_time(venv) as lock_fd:
        wanted = venv.wanted(kind)
        if venv.installed() != wanted:
            _install(venv, wanted, lock_fd)


@contextmanager
def _one_at_a_time(venv: Venv) -> Iterator[int]:
    """Hold a lock on the lock file itself, so that nothing is left lying about."""
    with venv.lock("runtime").open() as handle:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield handle.fileno()


def _install(venv: Venv, wanted: dict[str, str], lock_fd: int) -> None:
    if venv.must_be_rebuilt():
        say(f"installing: making .venv with Python {platform.python_version()}")
        shutil.rmtree(venv.path, ignore_errors=True)
        venv.path.mkdir()
        venv.marker.touch()
        _create(venv)
    venv.marker.touch()
    _pip_install(venv, venv.lock(wanted["kind"]), lock_fd)
    draft = venv.stamp.with_suffix(".new")
    draft.write_text(json.dumps(wanted))
    draft.replace(venv.stamp)
    venv.marker.unlink()
    say("installing: done")


def _base_python() -> str:
    """Return the interpreter outside the environment (which may be about to be replaced)."""
    return str(getattr(sys, "_base_executable", None) or sys.executable)


def _has_ensurepip() -> bool:
    return importlib.util.find_spec("ensurepip") is not None


def _create(venv: Venv) -> None:
    """Make an empty environment; without ensurepip (Debian) the outer pip must serve."""
    flags = [] if _has_ensurepip() else ["--without-pip"]
    made = subprocess.run(
        [_base_python(), "-m", "venv", *flags, str(venv.path)], capture_output=True, text=True
    )
    if made.returncode:
        raise UserError(f"could not make {venv.path}:\n{made.stdout}{made.stderr}")


def pip_command(venv: Venv) -> list[str]:
    """Return the pip that can install into the environment."""
    if _has_pip(str(venv.python)):
        return [str(venv.python), "-m", "pip"]
    if _has_pip(_base_python()):
        return [_base_python(), "-m", "pip", "--python", str(venv.python)]
    raise UserError(
        "this Python has neither ensurepip nor pip: install python3-venv or python3-pip"
    )


def _has_pip(python: str) -> bool:
    return subprocess.run([python, "-c", "import pip"], capture_output=True).returncode == 0


def _pip_install(venv: Venv, lock: Path, lock_fd: int) -> None:
    total = sum("==" in line and not line.startswith(" ") for line in lock.read_text().splitlines())
    say(f"installing: {total} packages of {lock.name} (once; half a minute or so)")
    pip = subprocess.Popen(
        [*pip_command(venv), *PIP_FLAGS, "-r", str(lock)],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        env=os.environ | {"PIP_USER": "0"},
        pass_fds=(lock_fd,),  # a pip that outlives a killed dev.py still keeps the next one waiting
    )
    tail = _follow(pip, total)
    if pip.wait():
        complain("\n".join(tail))
        raise UserError(f"pip could not install {lock.name}; its last lines are above")


def _follow(pip: subprocess.Popen[str], total: int) -> list[str]:
    """Show how far pip is, and return its last lines."""
    tail: deque[str] = deque(maxlen=25)
    seen = 0
    for line in pip.stdout or ():
        tail.append(line.rstrip())
        if line.startswith("Collecting"):
            seen += 1
            if seen % 20 == 0:
                say(f"installing: {seen} of {total}")
        elif line.startswith("Installing collected"):
            say("installing: unpacking")
    return list(tail)
