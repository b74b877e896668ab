"""A process that stops by itself is started again, and everybody hears of it."""

import signal
import sys
import time
from collections.abc import Callable

import pytest

from devstack.console import UserError
from devstack.datadir import DataDir
from devstack.process import birth
from devstack.supervisor import Service, StopRequested, Supervisor

PATIENCE_SECONDS = 60  # for a slow machine; only a test that fails waits as long
STUBBORN = "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); "


def python(home: DataDir, code: str, *, ends: bool = False) -> Service:
    return Service("child", [sys.executable, "-c", code], home.log("child"), ends=ends)


def tick_until(supervisor: Supervisor, done: Callable[[], bool]) -> None:
    deadline = time.monotonic() + PATIENCE_SECONDS
    while not done():
        assert time.monotonic() < deadline, "waited too long"
        supervisor.tick()
        time.sleep(0.02)


def test_a_crash_is_loud_and_the_process_is_started_again(
    home: DataDir, supervisor: Supervisor, capsys: pytest.CaptureFixture[str]
) -> None:
    runs = home.path / "runs"
    code = f"open({str(runs)!r}, 'a').write('x'); print('out of luck'); raise SystemExit(3)"

    supervisor.start(python(home, code))
    tick_until(supervisor, lambda: runs.exists() and len(runs.read_text()) >= 2)

    told = capsys.readouterr().err
    assert "child stopped by itself (exit code 3); starting it again in 0.5 s" in told
    assert "| out of luck" in told


def test_a_killed_process_is_named_with_its_signal(
    home: DataDir, supervisor: Supervisor, capsys: pytest.CaptureFixture[str]
) -> None:
    supervisor.start(python(home, "import os; os.kill(os.getpid(), 9)"))
    tick_until(supervisor, lambda: not supervisor.pids())
    assert "killed by SIGKILL" in capsys.readouterr().err


def test_a_process_with_an_end_is_left_ended(
    home: DataDir, supervisor: Supervisor, capsys: pytest.CaptureFixture[str]
) -> None:
    supervisor.start(python(home, "pass", ends=True))
    tick_until(supervisor, lambda: not supervisor.pids())
    assert "child: done" in capsys.readouterr().out


def test_a_process_that_never_answers_is_given_up_on(
    home: DataDir, supervisor: Supervisor, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("devstack.supervisor.HOPELESS_AFTER", 2)
    supervisor.start(python(home, "raise SystemExit(1)"))
    with pytest.raises(UserError, match="child does not start"):
        supervisor.wait_until(lambda: False, "child", PATIENCE_SECONDS)


def test_a_process_that_will_not_stop_is_killed_at_the_deadline(
    home: DataDir, supervisor: Supervisor
) -> None:
    started = home.path / "started"
    supervisor.start(python(home, STUBBORN + f"open({str(started)!r}, 'w'); time.sleep(60)"))
    tick_until(supervisor, started.exists)
    (pid,) = supervisor.pids()

    supervisor.stop(deadline=0.3)

    assert birth(pid) == ""


def test_a_wish_to_stop_ends_every_wait(home: DataDir, supervisor: Supervisor) -> None:
    before = {number: signal.getsignal(number) for number in (1, signal.SIGINT, signal.SIGTERM)}
    try:
        supervisor.listen()
        supervisor.start(python(home, "import time; time.sleep(60)"))
        signal.raise_signal(signal.SIGTERM)
        with pytest.raises(StopRequested):
            supervisor.wait_until(lambda: False, "child", PATIENCE_SECONDS)
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def test_children_of_a_killed_launcher_die_and_the_next_run_clears_up(
    home: DataDir, supervisor: Supervisor
) -> None:
    """The launcher here is a process of its own, killed without a chance to clean up."""
    code = f"""
import sys, time
from pathlib import Path
from devstack.datadir import DataDir
from devstack.supervisor import Service, Supervisor
home = DataDir.open(Path({str(home.path / "inner")!r}))
home.try_own(); home.begin("up")
launcher = Supervisor(home.note_processes)
sleeper = [sys.executable, "-c", "import time; time.sleep(60)"]
launcher.start(Service("sleeper", sleeper, home.log("sleeper")))
print(launcher.pids()[0], home.sockets, flush=True)
time.sleep(60)
"""
    supervisor.start(python(home, code))
    tick_until(supervisor, lambda: home.log("child").read_text().endswith("\n"))
    child, sockets = home.log("child").read_text().split()
    inner = DataDir.open(home.path / "inner")
    assert not inner.try_own()

    supervisor.stop(["child"], deadline=0)

    deadline = time.monotonic() + PATIENCE_SECONDS
    while birth(int(child)) and time.monotonic() < deadline:
        time.sleep(0.02)
    assert birth(int(child)) == ""
    assert inner.try_own()
    inner.clear_leftovers()
    assert not (home.path / sockets).exists()
    inner.end()
