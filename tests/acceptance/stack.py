"""The whole stack as `dev.py up` runs it, and the power to kill its parts."""

import json
import os
import signal
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path

from tests.acceptance.client import Client, Refused

ROOT = Path(__file__).resolve().parents[2]
START_SECONDS = 300
STOP_SECONDS = 30
# What a process' command line says it is.
PARTS = {
    "web": "uvicorn",
    "worker": "celery -A paygate_site worker",
    "postgresql": "postgres",
    "valkey": "valkey-server",
    "beat": "celery -A paygate_site beat",
}


@dataclass
class Stack:
    """A portal with its embedded servers on a port and in a data directory of its own."""

    port: int
    data_dir: Path
    token: str
    killed: list[tuple[str, int]] = field(default_factory=list)
    _launcher: "subprocess.Popen[bytes] | None" = None

    @property
    def url(self) -> str:
        """Where it answers."""
        return f"http://127.0.0.1:{self.port}"

    def start(self) -> None:
        """Start it and wait for its first answer; RuntimeError when there is none."""
        self.data_dir.mkdir(parents=True, exist_ok=True)
        own = {
            "PAYGATE_ADMIN_USER": "acceptance",
            "PAYGATE_ADMIN_PASSWORD": f"password-{self.token}",
            "PAYGATE_ADMIN_TOKEN": self.token,
        }
        embedded = {k: v for k, v in os.environ.items() if k not in ("DATABASE_URL", "BROKER_URL")}
        command = ["dev.py", "up", "--port", f"{self.port}", "--data-dir", str(self.data_dir)]
        with (self.data_dir / "acceptance.log").open("ab") as log:
            self._launcher = subprocess.Popen(
                [sys.executable, *command], cwd=ROOT, env=embedded | own, stdout=log, stderr=log
            )
        self.await_ready()

    def await_ready(self) -> None:
        """Wait until database, broker and migrations are there."""
        try:
            Client(self.url, self.token, patience=START_SECONDS).get("/readyz")
        except Refused as refusal:
            raise RuntimeError(f"the stack is not ready: {refusal}") from refusal

    def parts(self) -> dict[str, int]:
        """The process, which is also its group, of each part that runs now."""
        if self._launcher is None:
            return {}
        found = {}
        for pid in children(self._launcher.pid):
            line = command_line(pid)
            for name, mark in PARTS.items():
                if mark in line:
                    found[name] = pid
        return found

    def environment(self) -> dict[str, str]:
        """What its processes have: how to reach its database and broker."""
        state = json.loads((self.data_dir / "run.json").read_text())
        given: dict[str, str] = state["environment"]
        return os.environ | given

    def note(self, name: str, text: str) -> None:
        """A line in a log beside those of its processes."""
        with (self.data_dir / "logs" / f"{name}.log").open("a") as log:
            log.write(text + "\n")

    def kill(self, name: str) -> int | None:
        """SIGKILL a part and everything it started; its pid, nothing if it is down already."""
        pid = self.parts().get(name)
        if pid is None:
            return None
        os.killpg(pid, signal.SIGKILL)
        self.killed.append((name, pid))
        return pid

    def stop(self) -> None:
        """Ctrl-C; RuntimeError when it does not end in time."""
        if self._launcher is None:
            return
        self._launcher.send_signal(signal.SIGINT)
        try:
            self._launcher.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired as error:
            self._launcher.kill()
            raise RuntimeError("the stack did not stop") from error


def children(pid: int) -> list[int]:
    """The direct children of a process."""
    path = Path(f"/proc/{pid}/task/{pid}/children")
    return [int(child) for child in path.read_text().split()] if path.exists() else []


def command_line(pid: int) -> str:
    """How a process was started; empty when it is gone."""
    try:
        raw = Path(f"/proc/{pid}/cmdline").read_bytes()
    except (FileNotFoundError, ProcessLookupError):
        return ""
    return raw.replace(b"\0", b" ").decode(errors="replace")
