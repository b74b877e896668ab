"""`dev.py manage` and `dev.py test`: one command in front of the servers it needs."""

import fcntl
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path
from types import FrameType
from typing import IO

from devstack import embedded
from devstack.console import UserError, quiet
from devstack.datadir import DataDir
from devstack.embedded import Given
from devstack.options import ROOT, Options
from devstack.process import child_setup, send
from devstack.supervisor import TICK, StopRequested, Supervisor

TEST_PREFIX = "paygate-test-"
READY_PATIENCE = 120.0
KILL_AFTER = 10.0
FRESH = 60.0
OWN_PARALLELISM = (
    "-n",
    "--numprocesses",
    "--dist",
    "--pdb",
    "--trace",
    "-s",
    "--co",
    "--collect-only",
)


# --- manage -------------------------------------------------------------------------------------


def manage(options: Options) -> int:
    """Run a management command on the data of a directory, whether the portal is running or not."""
    command = [sys.executable, str(ROOT / "manage.py"), *options.rest]
    given = Given.from_environment()
    home = DataDir.open(options.data_dir)
    if given.database and given.broker:
        return _foreground(command, _settings(home, {}), Supervisor())
    with (home.path / "users.lock").open("a") as users:
        environment = _join(home, users)
        if environment:
            return _foreground(command, _settings(home, environment), Supervisor())
        return _manage_alone(home, given, command, users)


def _join(home: DataDir, users: IO[str]) -> dict[str, str]:
    """Share the servers of a running launcher; empty when this process has become one."""
    deadline = time.monotonic() + READY_PATIENCE
    while time.monotonic() < deadline:
        fcntl.flock(users, fcntl.LOCK_SH)
        if home.try_own():
            fcntl.flock(users, fcntl.LOCK_UN)
            return {}
        environment: dict[str, str] | None = home.state().get("environment")
        if environment:
            return environment
        fcntl.flock(users, fcntl.LOCK_UN)
        time.sleep(0.1)
    raise UserError(f"{home.path} is in use by another dev.py whose database does not come up")


def _manage_alone(home: DataDir, given: Given, command: list[str], users: IO[str]) -> int:
    supervisor = Supervisor(home.note_processes)
    supervisor.listen()
    home.begin("manage " + " ".join(command[2:3]))
    try:
        with quiet():
            environment = embedded.start(home, supervisor, given)
        settings = _settings(home, environment)
        home.note_ready({**environment, "PAYGATE_SECRET_KEY": settings["PAYGATE_SECRET_KEY"]})
        code = _foreground(command, settings, supervisor)
        _wait_for_others(users, supervisor)
    except StopRequested:
        code = 128 + signal.SIGINT
    finally:
        embedded.stop(supervisor)
        home.end()
    return code


def _wait_for_others(users: IO[str], supervisor: Supervisor) -> None:
    """Other commands may have joined in meanwhile: their database must not go away under them."""
    while not supervisor.stop_wanted:
        try:
            fcntl.flock(users, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            supervisor.tick()
            time.sleep(TICK)
        else:
            return


def _settings(home: DataDir, environment: Mapping[str, str]) -> dict[str, str]:
    known = os.environ | dict(environment)
    return known | {
        "PAYGATE_SECRET_KEY": known.get("PAYGATE_SECRET_KEY") or home.secret("secret_key")
    }


# --- test ---------------------------------------------------------------------------------------


def test(options: Options) -> int:
    """Run the tests on servers that are thrown away afterwards."""
    _sweep()
    home = DataDir.open(Path(tempfile.mkdtemp(prefix=TEST_PREFIX)))
    home.try_own()
    supervisor = Supervisor(home.note_processes)
    supervisor.listen()
    home.begin("test")
    try:
        environment = embedded.start(
            home, supervisor, Given.from_environment("PAYGATE_TEST_"), throwaway=True
        )
        return _foreground(_pytest(options.rest), _test_settings(environment), supervisor)
    except StopRequested:
        return 128 + signal.SIGINT
    finally:
        embedded.stop(supervisor)
        home.end()
        shutil.rmtree(home.path, ignore_errors=True)


def _pytest(rest: list[str]) -> list[str]:
    parallel = (
        []
        if any(word.startswith(OWN_PARALLELISM) for word in rest)
        else ["-n", "2", "--dist", "loadgroup"]
    )
    return [sys.executable, "-m", "pytest", *parallel, *rest]


def _test_settings(environment: dict[str, str]) -> dict[str, str]:
    """Nothing of the operator's own installation may reach the tests."""
    own = re.compile("PAYGATE_(?!TEST_)")
    clean = {name: value for name, value in os.environ.items() if not own.match(name)}
    clean.pop("CACHE_URL", None)
    return clean | environment | {"PAYGATE_SECRET_KEY": "only-for-tests-" + "0" * 40}


def _sweep() -> None:
    """Remove what killed test runs left behind."""
    for path in Path(tempfile.gettempdir()).glob(TEST_PREFIX + "*"):
        found = path.stat()  # a fresh one may not have its lock yet
        if found.st_uid == os.geteuid() and found.st_mtime < time.time() - FRESH:
            home = DataDir.open(path)
            if home.try_own():
                home.clear_leftovers()
                home.end()
                shutil.rmtree(path, ignore_errors=True)


# --- the command in the foreground --------------------------------------------------------------


def _foreground(command: list[str], environment: dict[str, str], supervisor: Supervisor) -> int:
    """Run a command on this terminal: Ctrl-C is its own affair, SIGTERM is passed on."""
    asked: list[float] = []

    def pass_on(number: int, frame: FrameType | None) -> None:
        asked.append(time.monotonic())
        send(process.pid, number)

    process = subprocess.Popen(command, env=environment, preexec_fn=child_setup(signal.SIGTERM))
    signal.signal(signal.SIGINT, lambda number, frame: None)
    signal.signal(signal.SIGTERM, pass_on)
    while process.poll() is None:
        supervisor.tick()
        if asked and time.monotonic() > asked[0] + KILL_AFTER:
            process.kill()
        time.sleep(TICK)
    return process.returncode if process.returncode >= 0 else 128 - process.returncode
