"""Files of an export: one a day, there whole or not at all."""

import os
from collections.abc import Iterable, Iterator
from pathlib import Path

from analytics.exports.forms import FORMS
from analytics.exports.reading import Column, Row


class _Counted:
    """Rows on their way, and how many went by."""

    def __init__(self, rows: Iterable[Row]) -> None:
        self._rows = rows
        self.count = 0

    def __iter__(self) -> Iterator[Row]:
        for row in self._rows:
            self.count += 1
            yield row


def write(path: Path, columns: list[Column], rows: Iterable[Row]) -> int:
    """Write a file in the form of its suffix, .csv or .parquet; how many rows it has.

    It appears under its name when it is complete, in place of an older one.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    draft = path.with_name(f".{path.name}.{os.getpid()}")
    counted = _Counted(rows)
    try:
        with draft.open("wb") as file:
            file.writelines(FORMS[path.suffix[1:]](columns, counted))
        draft.replace(path)
    finally:
        draft.unlink(missing_ok=True)
    return counted.count
