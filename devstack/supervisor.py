"""Keeps processes running, loudly, and stops them all within seconds."""

import os
import signal
import subprocess
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from types import FrameType

from devstack.console import UserError, complain, pass_through, say
from devstack.process import Identity, child_setup, explain_exit, send, send_group

TICK = 0.05
LONGEST_PAUSE = 30.0
STABLE_AFTER = 60.0
HOPELESS_AFTER = 5  # failures in a row before the first answer
TAIL_BYTES = 4000
TAIL_LINES = 15
REPEATED_TAIL_LINES = 2  # of a process that keeps failing


class StopRequested(Exception):
    """Somebody pressed Ctrl-C or sent SIGTERM."""


@dataclass(frozen=True)
class Service:
    """A process to keep running."""

    name: str
    command: list[str | Path]
    log: Path
    env: dict[str, str] = field(default_factory=lambda: dict(os.environ))
    cwd: Path | None = None
    identity: Identity = Identity.SELF
    before_start: Callable[[], None] | None = None
    death_signal: int = signal.SIGKILL
    # (seconds after the request, signal to the leader); at the deadline the group is killed
    stop_signals: tuple[tuple[float, int], ...] = ((0.0, signal.SIGTERM),)
    ends: bool = False  # exit code 0 is the end of its work, not a crash
    echo: bool = False  # show its output on the console too


@dataclass
class Child:
    """A service and its current process."""

    service: Service
    process: subprocess.Popen[bytes] | None = None
    started: float = 0.0
    failures: int = 0
    due: float = 0.0
    echoed: int = 0

    @property
    def running(self) -> bool:
        """Say whether it runs."""
        return self.process is not None and self.process.poll() is None


class Supervisor:
    """Starts, watches and stops services, all from the main thread."""

    def __init__(self, on_change: Callable[[list[int]], None] | None = None) -> None:
        """Call `on_change` with the process ids whenever they change."""
        self._children: dict[str, Child] = {}
        self._on_change = on_change or (lambda pids: None)
        self.stop_wanted = False
        self.hurry = False

    # Signals only leave a note; every wait in the launcher looks at it.

    def listen(self) -> None:
        """Take Ctrl-C, SIGTERM and a closed terminal as the wish to stop, a second as haste."""
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            signal.signal(number, self._note_stop)

    def _note_stop(self, number: int, frame: FrameType | None) -> None:
        self.hurry = self.stop_wanted
        self.stop_wanted = True

    def check(self) -> None:
        """Raise StopRequested if somebody wants to stop."""
        if self.stop_wanted:
            raise StopRequested

    # Running

    def start(self, service: Service) -> None:
        """Start a service and keep it running from now on."""
        child = Child(service)
        if service.log.exists():
            child.echoed = service.log.stat().st_size
        self._children[service.name] = child
        self._launch(child)

    def _launch(self, child: Child) -> None:
        service = child.service
        if service.before_start:
            service.before_start()
        nobody = service.identity.uid if service.identity is Identity.NOBODY else None
        with service.log.open("ab") as log:
            child.process = subprocess.Popen(
                service.command,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                env=service.env,
                cwd=service.cwd,
                user=nobody,
                group=nobody,
                extra_groups=None if nobody is None else [],
                preexec_fn=child_setup(service.death_signal, service.identity),
                start_new_session=True,
            )
        child.started = time.monotonic()
        self._on_change(self.pids())

    def pids(self) -> list[int]:
        """Return the process ids, which are also their groups."""
        return [child.process.pid for child in self._children.values() if child.process]

    def tick(self) -> None:
        """Look once at every service."""
        for child in self._children.values():
            if child.service.echo:
                self._echo(child)
            if child.process is None and child.due and time.monotonic() >= child.due:
                self._launch(child)
            elif child.process is not None and child.process.poll() is not None:
                send_group(child.process.pid, signal.SIGKILL)  # what it left of itself
                self._ended(child, child.process.returncode)

    def _ended(self, child: Child, code: int) -> None:
        child.process, child.due = None, 0.0
        if child.service.ends and code == 0:
            say(f"{child.service.name}: done")
            return
        lived = time.monotonic() - child.started
        child.failures = 1 if lived > STABLE_AFTER else child.failures + 1
        pause = min(0.25 * 2**child.failures, LONGEST_PAUSE)
        child.due = time.monotonic() + pause
        what = f"{child.service.name} stopped by itself ({explain_exit(code)})"
        complain(f"!! {what}; starting it again in {pause:g} s. The end of its log:")
        lines = TAIL_LINES if child.failures <= 2 else REPEATED_TAIL_LINES
        complain(quote_tail(child.service.log, lines))

    def _echo(self, child: Child) -> None:
        log = child.service.log
        if log.exists() and log.stat().st_size > child.echoed:
            with log.open("rb") as handle:
                handle.seek(child.echoed)
                text = handle.read()
            child.echoed += len(text)
            pass_through(text.decode(errors="replace"))

    # Waiting

    def wait_until(self, answers: Callable[[], bool], name: str, patience: float) -> None:
        """Wait for the first answer of a service; give up when it is hopeless."""
        deadline = time.monotonic() + patience
        while not answers():
            self.check()
            self.tick()
            if self._children[name].failures >= HOPELESS_AFTER:
                raise UserError(f"{name} does not start; see {self._children[name].service.log}")
            if time.monotonic() > deadline:
                tail = quote_tail(self._children[name].service.log)
                raise UserError(
                    f"{name} did not answer within {patience:g} s; the end of its log:\n{tail}"
                )
            time.sleep(TICK)

    def watch(self) -> None:
        """Keep everything running until somebody wants to stop."""
        while not self.stop_wanted:
            self.tick()
            time.sleep(TICK)

    def run(self, command: subprocess.Popen[bytes]) -> int:
        """Wait for a short command while the services are kept running."""
        while command.poll() is None:
            if self.stop_wanted:
                send(command.pid, signal.SIGTERM)
                command.wait()
                raise StopRequested
            self.tick()
            time.sleep(TICK)
        return command.returncode

    # Stopping

    def stop(self, names: list[str] | None = None, deadline: float = 3.5) -> None:
        """Stop the named services, or all, together; whatever is left at the deadline is killed."""
        children = [
            child for name, child in self._children.items() if names is None or name in names
        ]
        begun = time.monotonic()
        pending = {child.service.name: list(child.service.stop_signals) for child in children}
        while (
            any(child.running for child in children)
            and time.monotonic() - begun < deadline
            and not self.hurry
        ):
            for child in children:
                self._signal_if_due(child, pending[child.service.name], time.monotonic() - begun)
            time.sleep(0.02)
        for child in children:
            self._finish(child)

    def _signal_if_due(
        self, child: Child, pending: list[tuple[float, int]], elapsed: float
    ) -> None:
        while pending and pending[0][0] <= elapsed:
            _, number = pending.pop(0)
            if child.process and child.running:
                send(child.process.pid, number)

    def _finish(self, child: Child) -> None:
        if child.process:
            if child.running:
                say(f"{child.service.name}: did not stop in time, killed")
            send_group(child.process.pid, signal.SIGKILL)
            child.process.wait()
        del self._children[child.service.name]


def quote_tail(log: Path, count: int = TAIL_LINES) -> str:
    """Return the last lines of a log, set off from the launcher's own."""
    try:
        with log.open("rb") as handle:
            handle.seek(max(0, log.stat().st_size - TAIL_BYTES))
            lines = handle.read().decode(errors="replace").splitlines()[-count:]
    except FileNotFoundError:
        lines = []
    return "\n".join(f"    | {line}" for line in lines) or "    | (its log is empty)"
