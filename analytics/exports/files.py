"""Files of an export: one a day, there whole or not at all."""

import csv
import os
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from itertools import islice
from pathlib import Path
from typing import Any, TextIO

import pyarrow as pa
import pyarrow.parquet as pq

from analytics.api.renderers import cell
from analytics.exports.reading import Column

AT_ONCE = 5_000  # rows of a Parquet row group
ARROW = {
    "bool": pa.bool_(),
    "int64": pa.int64(),
    # Amounts have up to 78 digits, more than any decimal type that all readers know.
    "decimal": pa.string(),
    "timestamp": pa.timestamp("us", tz="UTC"),
    "text": pa.string(),
}


def write(path: Path, columns: list[Column], rows: Iterable[tuple[Any, ...]]) -> int:
    """Write a file in the form of its suffix, .csv or .parquet; how many rows it has.

    It appears under its name when it is complete, in place of an older one.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    draft = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        count = _WRITERS[path.suffix](draft, columns, rows)
        draft.replace(path)
    finally:
        draft.unlink(missing_ok=True)
    return count


def _csv(path: Path, columns: list[Column], rows: Iterable[tuple[Any, ...]]) -> int:
    with path.open("w", encoding="utf-8", newline="") as file:
        return _write_csv(file, columns, rows)


def _write_csv(file: TextIO, columns: list[Column], rows: Iterable[tuple[Any, ...]]) -> int:
    writer = csv.writer(file)
    writer.writerow([column.name for column in columns])
    count = 0
    for row in rows:
        writer.writerow([cell(_iso(value)) for value in row])
        count += 1
    return count


def _iso(value: Any) -> Any:
    if isinstance(value, datetime):
        return value.astimezone(UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")
    return value


def _parquet(path: Path, columns: list[Column], rows: Iterable[tuple[Any, ...]]) -> int:
    schema = pa.schema([(column.name, ARROW[column.type]) for column in columns])
    count = 0
    with pq.ParquetWriter(path, schema, compression="zstd") as writer:
        for group in _groups(rows):
            arrays = [
                pa.array([_plain(row[place]) for row in group], field.type)
                for place, field in enumerate(schema)
            ]
            writer.write_table(pa.Table.from_arrays(arrays, schema=schema))
            count += len(group)
    return count


def _plain(value: Any) -> Any:
    """Lists and objects as JSON text, as a CSV has them."""
    return cell(value) if isinstance(value, (list, dict)) else value


def _groups(rows: Iterable[tuple[Any, ...]]) -> Iterator[list[tuple[Any, ...]]]:
    iterator = iter(rows)
    while group := list(islice(iterator, AT_ONCE)):
        yield group


_WRITERS = {".csv": _csv, ".parquet": _parquet}
