"""Rows as CSV or Parquet, piece by piece: what is written already is not kept."""

import csv
import io
from collections.abc import Callable, Iterable, Iterator
from datetime import UTC, datetime
from itertools import islice
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from analytics.api.renderers import cell
from analytics.exports.reading import AT_ONCE, Column, Row

ARROW = {
    "bool": pa.bool_(),
    "int64": pa.int64(),
    # Amounts have up to 78 digits, more than any decimal type that all readers know.
    "decimal": pa.string(),
    "timestamp": pa.timestamp("us", tz="UTC"),
    "text": pa.string(),
}


class _Sink(io.RawIOBase):
    """What was written since it was last taken."""

    def __init__(self) -> None:
        self._parts: list[bytes] = []
        self._written = 0

    def writable(self) -> bool:
        return True

    def tell(self) -> int:
        return self._written

    def write(self, data: Any) -> int:
        part = bytes(data)
        self._parts.append(part)
        self._written += len(part)
        return len(part)

    def taken(self) -> bytes:
        parts, self._parts = self._parts, []
        return b"".join(parts)


def csv_pieces(columns: list[Column], rows: Iterable[Row]) -> Iterator[bytes]:
    """UTF-8 with a header; RFC 4180 line ends."""
    out = io.StringIO(newline="")
    writer = csv.writer(out)
    writer.writerow([column.name for column in columns])
    for group in _groups(rows):
        writer.writerows([cell(_iso(value)) for value in row] for row in group)
        yield out.getvalue().encode()
        out.seek(0)
        out.truncate()
    yield out.getvalue().encode()


def parquet_pieces(columns: list[Column], rows: Iterable[Row]) -> Iterator[bytes]:
    """A row group for every so many rows; readable only when the last piece is there."""
    schema = pa.schema([(column.name, ARROW[column.type]) for column in columns])
    sink = _Sink()
    with pq.ParquetWriter(sink, schema, compression="zstd") as writer:
        for group in _groups(rows):
            arrays = [
                pa.array([_plain(row[place]) for row in group], field.type)
                for place, field in enumerate(schema)
            ]
            writer.write_table(pa.Table.from_arrays(arrays, schema=schema))
            yield sink.taken()
    yield sink.taken()


def _iso(value: Any) -> Any:
    if isinstance(value, datetime):
        return value.astimezone(UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")
    return value


def _plain(value: Any) -> Any:
    """Lists and objects as JSON text, as a CSV has them."""
    return cell(value) if isinstance(value, (list, dict)) else value


def _groups(rows: Iterable[Row]) -> Iterator[list[Row]]:
    iterator = iter(rows)
    while group := list(islice(iterator, AT_ONCE)):
        yield group


Pieces = Callable[[list[Column], Iterable[Row]], Iterator[bytes]]
FORMS: dict[str, Pieces] = {"csv": csv_pieces, "parquet": parquet_pieces}
