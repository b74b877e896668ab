"""Look after rollups: status, run, rebuild, verify."""

import sys
from argparse import ArgumentParser
from datetime import UTC, datetime
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from analytics import receipts, rollups, usage, verify


def _moment(text: str) -> datetime:
    try:
        moment = datetime.fromisoformat(text)
    except ValueError as error:
        raise CommandError(f"{text!r} is not an ISO 8601 date or time") from error
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


class Command(BaseCommand):
    """`rollups status`, `run [--seconds]`, `rebuild [--from --to]`, `verify [--from --to]`."""

    help = __doc__ or ""

    def add_arguments(self, parser: ArgumentParser) -> None:
        """One action; a range in ISO 8601 (UTC unless it says otherwise) where it makes sense."""
        parser.add_argument("action", choices=["status", "run", "rebuild", "verify"])
        parser.add_argument("--from", dest="start", type=str, default="")
        parser.add_argument("--to", dest="end", type=str, default="")
        parser.add_argument("--seconds", type=float, default=3600.0)

    def handle(self, *_args: Any, **options: Any) -> None:
        """Do it; exit code 1 when verify found differences."""
        action: str = options["action"]
        getattr(self, f"_{action}")(options)

    def _status(self, _options: dict[str, Any]) -> None:
        for name, value in rollups.status().items():
            self.stdout.write(f"{name}: {value if value is not None else '-'}")

    def _run(self, options: dict[str, Any]) -> None:
        rolled = rollups.roll_stale(options["seconds"])
        folds = (rollups.fold_totals, usage.fold_usage, receipts.fold_receipts)
        folded = sum(fold(options["seconds"]) for fold in folds)
        self.stdout.write(f"rolled {rolled} buckets, folded {folded} totals")

    def _rebuild(self, options: dict[str, Any]) -> None:
        if bool(options["start"]) != bool(options["end"]):
            raise CommandError("give both --from and --to, or neither")
        marks = (
            rollups.mark_range(_moment(options["start"]), _moment(options["end"]))
            if options["start"]
            else rollups.mark_everything()
        )
        self.stdout.write(f"marked {marks} quarter hours")
        self._run(options)

    def _verify(self, options: dict[str, Any]) -> None:
        if options["start"] and options["end"]:
            start, end = _moment(options["start"]), _moment(options["end"])
            found = verify.verify(rollups.utc_day(start), rollups.utc_day(end))
        else:
            found = verify.verify_all()
        self.stdout.write(f"{found} buckets differed" if found else "rollups equal the facts")
        if found:
            sys.exit(1)
