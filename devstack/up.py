"""`dev.py up`: everything, until Ctrl-C."""

import errno
import json
import os
import socket
import time

from devstack import embedded, site
from devstack.console import UserError, say, show
from devstack.datadir import DataDir
from devstack.embedded import Given
from devstack.options import Options
from devstack.supervisor import StopRequested, Supervisor

WEB_PATIENCE = 90.0
OWN_ATTEMPTS = 20


def check_port(port: int) -> None:
    """Complain about a port in use before anything is started."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError as error:
            reason = (
                "is in use by another program"
                if error.errno == errno.EADDRINUSE
                else f"{error.strerror}"
            )
            raise UserError(f"port {port}: {reason}; choose another with --port") from error


def run(options: Options) -> int:
    """Run the portal until somebody stops it."""
    home = DataDir.open(options.data_dir)
    _own(home)
    check_port(options.port)
    supervisor = Supervisor(home.note_processes)
    supervisor.listen()
    try:
        _start(home, supervisor, options)
        supervisor.watch()
        say("stopping")
    except StopRequested:
        say("stopping before everything was up")
    finally:
        _stop(home, supervisor)
    return 0


def _own(home: DataDir) -> None:
    for _ in range(OWN_ATTEMPTS):
        if home.try_own():
            return
        time.sleep(0.05)
    state = home.state()
    user = f"`dev.py {state['what']}` (process {state['pid']})" if state else "another dev.py"
    raise UserError(
        f"the data directory {home.path} is in use by {user}; "
        "stop that first or choose another --data-dir"
    )


def _start(home: DataDir, supervisor: Supervisor, options: Options) -> None:
    cleared = home.begin("up")
    say(f"data directory: {home.path}")
    if cleared:
        say(f"the last run was cut short: {cleared} processes were left and have been ended")
    environment = embedded.start(home, supervisor, Given.from_environment())
    environment["PAYGATE_SECRET_KEY"] = os.environ.get("PAYGATE_SECRET_KEY") or home.secret(
        "secret_key"
    )
    home.note_ready(environment)
    portal = site.Site(home, environment, options.port)
    say("migrations: bringing the database up to date")
    portal.command(supervisor, "migrate", "--no-input")
    _start_portal(home, supervisor, portal, options)


def _start_portal(
    home: DataDir, supervisor: Supervisor, portal: site.Site, options: Options
) -> None:
    # Before the web answers, so that the first request finds the token it was promised.
    made = json.loads(portal.command(supervisor, "bootstrap").strip().splitlines()[-1])
    say("web, worker, beat: starting")
    for service in (portal.web(), portal.worker(), portal.beat()):
        supervisor.start(service)
    supervisor.wait_until(portal.answers, site.WEB, WEB_PATIENCE)
    if made.get("token"):
        home.store_secret("admin_token", made["token"])
    _announce(options.port, made)
    if options.demo:
        _start_demo(home, supervisor, portal)


def _announce(port: int, made: dict[str, str | None]) -> None:
    say("web: answering")
    show(
        f"\n    Portal      http://127.0.0.1:{port}/admin/\n    API         http://127.0.0.1:{port}/api/docs/"
    )
    for label, key in (("Login", "user"), ("Password", "password"), ("API token", "token")):
        if made.get(key):
            show(f"    {label:<11} {made[key]}")
    if made.get("password") or made.get("token"):
        show("    (shown this once)")
    show("    Ctrl-C stops everything; the data stays.\n")


def _start_demo(home: DataDir, supervisor: Supervisor, portal: site.Site) -> None:
    token = os.environ.get("PAYGATE_ADMIN_TOKEN") or home.stored_secret("admin_token")
    if not token:
        say("!! demo: no token to send with; set PAYGATE_ADMIN_TOKEN to one that may ingest")
        return
    say("demo: sending 90 days of made-up traffic through the API")
    supervisor.start(portal.demo(token))


def _stop(home: DataDir, supervisor: Supervisor) -> None:
    begun = time.monotonic()
    supervisor.stop([site.DEMO, site.WEB, site.WORKER, site.BEAT])
    embedded.stop(supervisor)
    home.end()
    say(f"stopped in {time.monotonic() - begun:.1f} s")
