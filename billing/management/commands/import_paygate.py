"""Take in a gateway's own answers from files: its history from before the webhook, or after it."""

import os
from argparse import ArgumentParser
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from django.core.exceptions import ValidationError
from django.core.management.base import BaseCommand, CommandError

from billing.gateway.documents import LARGEST, BadExport, plain_bytes
from billing.gateway.exports import KINDS, Imported, read_export, store_batch
from billing.models import Source
from billing.models.sources import SourceKind, slug_validator


class Command(BaseCommand):
    """`import_paygate <source> [--backup FILE] [--usage FILE] ...`; doing it again is harmless."""

    help = __doc__ or ""

    def add_arguments(self, parser: ArgumentParser) -> None:
        """The source, made if new, and the files by kind; each kind may be given several times."""
        parser.add_argument("source", help="slug of the gateway; made if new")
        for kind, reader in KINDS.items():
            about = (reader.__doc__ or "").partition(":")[0].partition(" as of")[0]
            parser.add_argument(
                f"--{kind}", action="append", metavar="FILE", default=[], help=about
            )
        parser.add_argument(
            "--at",
            default="",
            help="ISO 8601 time of files of keys and groups that do not say theirs; "
            "else the time the file was written",
        )

    def handle(self, *_args: Any, **options: Any) -> None:
        """Settings and keys first, so that calls find their keys. CommandError for a bad file."""
        files = [(kind, Path(name)) for kind in KINDS for name in options[kind]]
        if not files:
            raise CommandError(f"name a file: {', '.join(f'--{kind}' for kind in KINDS)}")
        at = _moment(options["at"]) if options["at"] else None
        check_slug(options["source"])
        for kind, path in files:
            self._take(options["source"], kind, path, at)

    def _take(self, slug: str, kind: str, path: Path, at: datetime | None) -> None:
        try:
            batch = read_export(kind, plain_bytes(_bytes_of(path)), at or _written_at(path))
        except BadExport as error:
            raise CommandError(f"{path} ({kind}): {error}") from error

        def show(done: int) -> None:
            self.stderr.write(f"{path} ({kind}): {done:,} of {batch.read:,}", ending="\r")

        self._say(kind, path, store_batch(gateway(slug), batch, show))

    def _say(self, kind: str, path: Path, found: Imported) -> None:
        self.stderr.write("")
        self.stdout.write(
            f"{path} ({kind}): {found.read} read, {found.new} new, {found.rejected} rejected"
        )
        for detail in found.details:
            self.stdout.write(f"  rejected: {detail}")


def check_slug(slug: str) -> None:
    """CommandError when no gateway can have this slug."""
    try:
        slug_validator(slug)
    except ValidationError as error:
        raise CommandError(f"{slug!r} is no name for a source. {error.message}") from error
    other = Source.objects.filter(slug=slug).exclude(kind=SourceKind.PAYGATE).first()
    if other is not None:
        raise CommandError(f"{slug} is an {other.get_kind_display()}, not a gateway")


def gateway(slug: str) -> Source:
    """The gateway of this slug, made if new."""
    source, _ = Source.objects.get_or_create(slug=slug, defaults={"kind": SourceKind.PAYGATE})
    return source


def _bytes_of(path: Path) -> bytes:
    try:
        if os.path.getsize(path) > LARGEST:
            raise BadExport(f"the file is larger than {LARGEST >> 20} MiB")
        return path.read_bytes()
    except OSError as error:
        raise BadExport(f"it cannot be read: {error.strerror}") from error


def _written_at(path: Path) -> datetime:
    return min(datetime.fromtimestamp(path.stat().st_mtime, UTC), datetime.now(UTC))


def _moment(text: str) -> datetime:
    try:
        moment = datetime.fromisoformat(text)
    except ValueError as error:
        raise CommandError(f"{text!r} is not an ISO 8601 date or time") from error
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)
