"""The processes of the portal itself."""

import os
import signal
import subprocess
import sys
import urllib.error
import urllib.request
from dataclasses import dataclass, replace
from pathlib import Path

from devstack.console import UserError, show
from devstack.datadir import DataDir
from devstack.options import ROOT
from devstack.process import child_setup
from devstack.supervisor import Service, Supervisor, quote_tail

WEB, WORKER, BEAT, DEMO = "web", "worker", "beat", "demo"
POOL_SIZE = "8"


@dataclass(frozen=True)
class Site:
    """How to start each process of the portal."""

    home: DataDir
    environment: dict[str, str]
    port: int

    def process_environment(self, name: str) -> dict[str, str]:
        """Return the environment of a process, which also names it to the database."""
        return (
            os.environ
            | self.environment
            | {"PAYGATE_PROCESS": f"paygate-{name}", "PYTHONUNBUFFERED": "1"}
        )

    def _service(self, name: str, *command: str | Path) -> Service:
        environment = self.process_environment(name)
        return Service(name, [sys.executable, *command], self.home.log(name), environment, ROOT)

    def web(self) -> Service:
        """The web server."""
        command = ["-m", "uvicorn", "paygate_site.asgi:application", "--host", "127.0.0.1"]
        flags = ["--port", str(self.port), "--ws", "websockets", "--timeout-graceful-shutdown", "3"]
        service = self._service(WEB, *command, *flags, "--no-server-header")
        return replace(service, env={"PAYGATE_DB_POOL": POOL_SIZE} | service.env)

    def worker(self) -> Service:
        """The Celery worker: tasks may be cut short at any time, so stopping does not wait."""
        flags = ["-c", "2", "--loglevel", "INFO"]
        return replace(
            self._service(WORKER, "-m", "celery", "-A", "paygate_site", "worker", *flags),
            death_signal=signal.SIGQUIT,
            stop_signals=((0.0, signal.SIGTERM), (1.0, signal.SIGQUIT)),
        )

    def beat(self) -> Service:
        """The Celery scheduler."""
        schedule = self.home.path / "celerybeat-schedule"
        flags = ["--loglevel", "INFO", "--pidfile=", "--schedule", str(schedule)]
        return self._service(BEAT, "-m", "celery", "-A", "paygate_site", "beat", *flags)

    def demo(self, token: str) -> Service:
        """Made-up traffic through the front door."""
        target = ["--url", f"http://127.0.0.1:{self.port}", "--token", token]
        live = ["--live", "--rate", "0.5"]  # the server closes connections idle for 5 s
        service = self._service(DEMO, ROOT / "manage.py", "demo", *target, *live)
        return replace(service, ends=True, echo=True)

    def answers(self) -> bool:
        """Say whether the web server answers."""
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{self.port}/livez", timeout=5):
                return True
        except urllib.error.HTTPError as error:
            return error.code < 500
        except OSError:
            return False

    def command(self, supervisor: Supervisor, *words: str) -> str:
        """Run a management command to its end and return what it printed; its log gets the rest."""
        log = self.home.log(words[0])
        with log.open("wb") as errors:
            process = subprocess.Popen(
                [sys.executable, ROOT / "manage.py", *words],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=errors,
                env=self.process_environment(words[0]),
                preexec_fn=child_setup(signal.SIGKILL),
            )
            with process:
                code = supervisor.run(process)
                printed = process.stdout.read().decode() if process.stdout else ""
        if code:
            show(printed)
            raise UserError(
                f"`manage.py {words[0]}` failed with exit code {code}:\n{quote_tail(log)}"
            )
        return printed
