"""The servers that stand in for those nobody configured."""

import os
from dataclasses import dataclass

from devstack import postgres, valkey
from devstack.console import say
from devstack.datadir import DataDir
from devstack.supervisor import Supervisor

PATIENCE = 120.0  # crash recovery of a large cluster takes a while


@dataclass(frozen=True)
class Given:
    """Servers the operator named in the environment; the embedded ones stand in for the others."""

    database: str = ""
    broker: str = ""

    @classmethod
    def from_environment(cls, prefix: str = "") -> "Given":
        """Read the two variables."""
        return cls(
            os.environ.get(f"{prefix}DATABASE_URL", ""), os.environ.get(f"{prefix}BROKER_URL", "")
        )


def start(
    home: DataDir, supervisor: Supervisor, given: Given, throwaway: bool = False
) -> dict[str, str]:
    """Start what was not given; return DATABASE_URL and BROKER_URL."""
    broker = valkey.Valkey(home, throwaway)
    if not given.broker:
        supervisor.start(broker.service())
    database_url = given.database or _start_postgres(home, supervisor, throwaway)
    if not given.broker:
        supervisor.wait_until(broker.answers, valkey.NAME, PATIENCE)
        say("broker: embedded Valkey is up")
    return {"DATABASE_URL": database_url, "BROKER_URL": given.broker or broker.url}


def _start_postgres(home: DataDir, supervisor: Supervisor, throwaway: bool) -> str:
    server = postgres.Postgres.prepare(home, throwaway)
    supervisor.start(server.service())
    supervisor.wait_until(server.answers, postgres.NAME, PATIENCE)
    server.ensure_database()
    say("database: embedded PostgreSQL is up")
    return server.url


def stop(supervisor: Supervisor) -> None:
    """Stop the embedded servers, after everything that uses them."""
    supervisor.stop([postgres.NAME, valkey.NAME], deadline=1.4)
