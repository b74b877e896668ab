"""What can be exported: views of `paygate_views`, and the time that puts a row into a day."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Kind:
    """A view; rows of a day (UTC) are those whose `time` is in it, ordered by time and `key`."""

    view: str
    time: str
    key: str


KINDS = {
    kind.view: kind
    for kind in (
        Kind("payments", "started_at", "id"),
        Kind("revenue_records", "at", "id"),
        Kind("batches", "settled_at", "id"),
        Kind("events", "received_at", "id"),
        Kind("calls", "at", "id"),
        Kind("payment_hours", "hour", "source, network"),
        Kind("payment_days", "day", "source, network"),
    )
}
