"""Fill a running portal with a believable business, through its ingest door."""

import signal
from argparse import ArgumentParser
from datetime import UTC, datetime
from itertools import takewhile
from threading import Event as Signal
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from billing.demo.delivery import history
from billing.demo.live import stream
from billing.demo.sender import DeliveryRefused, Door, Progress, Sending

PAYMENTS = 14_000
EVENTS_PER_PAYMENT = 3.1


class Command(BaseCommand):
    """Posts the demo's history, newest days first, then a live stream if asked."""

    help = (
        "Send a reproducible, made-up history through POST /api/v1/events/, newest days first, "
        "ending now. Running it again sends equal events, which the portal answers as duplicates, "
        "and the days since the first run. --live goes on with about one payment a second."
    )
    requires_system_checks = []

    def add_arguments(self, parser: ArgumentParser) -> None:
        """What to send, and where."""
        parser.add_argument("--url", default="http://127.0.0.1:8000")
        parser.add_argument("--token", required=True, help="a token with the scope ingest")
        parser.add_argument("--days", type=int, default=90)
        parser.add_argument("--payments", type=int, default=PAYMENTS)
        parser.add_argument("--seed", type=int, default=7)
        parser.add_argument("--live", action="store_true", help="then stream until SIGTERM")
        parser.add_argument("--rate", type=float, default=1.0, help="live payments per second")

    def handle(self, *args: Any, **options: Any) -> None:
        """Send the history, then stream; CommandError when the portal does not take it."""
        stop = Signal()
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda *_: stop.set())
        try:
            self._send_history(options, stop)
        except DeliveryRefused as refusal:
            raise CommandError(str(refusal)) from refusal
        if options["live"]:
            door = Door(options["url"], options["token"], attempts=1)
            stream(door, options["seed"], options["rate"], stop)

    def _send_history(self, options: dict[str, Any], stop: Signal) -> None:
        requests = history(
            seed=options["seed"],
            days=options["days"],
            payments=options["payments"],
            now=datetime.now(UTC),
        )
        progress = Progress(expected=round(options["payments"] * EVENTS_PER_PAYMENT))
        going_on = takewhile(lambda _: not stop.is_set(), requests)
        Sending(going_on, progress).run(options["url"], options["token"])
        progress.finish()
