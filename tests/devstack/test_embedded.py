"""The embedded servers keep what they were given, through any end."""

import os
import signal
from pathlib import Path

import psycopg
import redis

from devstack import embedded, postgres, valkey
from devstack.datadir import DataDir
from devstack.embedded import Given
from devstack.supervisor import Supervisor


def test_a_killed_server_comes_back_with_every_committed_row(
    home: DataDir, supervisor: Supervisor
) -> None:
    url = embedded.start(home, supervisor, Given(broker="redis://given"))["DATABASE_URL"]
    with psycopg.connect(url) as connection:
        connection.execute("CREATE TABLE kept (n int)")
        connection.execute("INSERT INTO kept VALUES (1)")
    (server,) = supervisor.pids()

    os.kill(server, signal.SIGKILL)
    supervisor.wait_until(lambda: server not in supervisor.pids(), postgres.NAME, embedded.PATIENCE)
    supervisor.wait_until(postgres.Postgres.prepare(home).answers, postgres.NAME, embedded.PATIENCE)

    with psycopg.connect(url) as connection:
        assert connection.execute("SELECT n FROM kept").fetchall() == [(1,)]


def test_the_cluster_sorts_by_code_point_and_takes_any_language(
    home: DataDir, supervisor: Supervisor
) -> None:
    url = embedded.start(home, supervisor, Given(broker="redis://given"))["DATABASE_URL"]
    with psycopg.connect(url) as connection:
        words = connection.execute("SELECT w FROM unnest(ARRAY['ж','b','B','日']) w ORDER BY w")
        assert [word for (word,) in words] == ["B", "b", "ж", "日"]
        assert connection.execute("SELECT upper('é')").fetchone() == ("É",)


def test_nothing_listens_on_the_network(home: DataDir, supervisor: Supervisor) -> None:
    url = embedded.start(home, supervisor, Given(broker="redis://given"))["DATABASE_URL"]
    with psycopg.connect(url) as connection:
        assert connection.execute("SHOW listen_addresses").fetchone() == ("",)


def test_a_server_number_taken_by_another_process_does_not_stop_a_start(
    home: DataDir, supervisor: Supervisor
) -> None:
    server = postgres.Postgres.prepare(home, throwaway=True)
    stale = server.cluster / "postmaster.pid"
    stale.write_text(f"{os.getpid()}\n{server.cluster}\n")

    supervisor.start(server.service())
    supervisor.wait_until(server.answers, postgres.NAME, embedded.PATIENCE)


def test_stopping_leaves_no_socket_and_no_process(home: DataDir) -> None:
    supervisor = Supervisor(home.note_processes)
    embedded.start(home, supervisor, Given(), throwaway=True)
    sockets, pids = home.sockets, supervisor.pids()

    embedded.stop(supervisor)
    home.end()

    assert sockets is not None
    assert not sockets.exists()
    assert not any(Path(f"/proc/{pid}").exists() for pid in pids)


def test_the_broker_keeps_what_it_has_acknowledged(home: DataDir, supervisor: Supervisor) -> None:
    given = Given(database="postgresql://given")
    embedded.start(home, supervisor, given)
    broker = valkey.Valkey(home)
    with redis.Redis(unix_socket_path=str(broker.socket)) as client:
        client.set("kept", "yes")
    embedded.stop(supervisor)

    embedded.start(home, supervisor, given)

    with redis.Redis(unix_socket_path=str(broker.socket)) as client:
        assert client.get("kept") == b"yes"


def test_given_servers_are_used_as_they_are(home: DataDir, supervisor: Supervisor) -> None:
    given = Given("postgresql://elsewhere/db", "amqp://elsewhere")

    environment = embedded.start(home, supervisor, given)

    assert environment == {
        "DATABASE_URL": "postgresql://elsewhere/db",
        "BROKER_URL": "amqp://elsewhere",
    }
    assert supervisor.pids() == []
