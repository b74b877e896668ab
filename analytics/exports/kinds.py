"""What can be exported: views of `paygate_views`, and the time that puts a row into a day."""

from dataclasses import dataclass
from datetime import timedelta

HOUR, DAY = timedelta(hours=1), timedelta(days=1)


@dataclass(frozen=True)
class Kind:
    """A view; rows of a day (UTC) are those whose `time` is in it, ordered by time and `key`.

    A statistic holds for `length` from its time on, and is exported when that is over.
    """

    view: str
    time: str
    key: str
    length: timedelta = timedelta()


KINDS = {
    kind.view: kind
    for kind in (
        Kind("payments", "started_at", "id"),
        Kind("revenue_records", "at", "id"),
        Kind("batches", "settled_at", "id"),
        Kind("events", "received_at", "id"),
        Kind("calls", "at", "id"),
        Kind("payment_hours", "hour", "source, network", HOUR),
        Kind("payment_days", "day", "source, network", DAY),
        Kind("call_hours", "hour", "source, namespace", HOUR),
        Kind("call_days", "day", "source, namespace", DAY),
    )
}
