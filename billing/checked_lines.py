"""Files of JSON lines that say themselves whether they are whole and unchanged.

The first line names the format; the last one has the number of lines between, under a name of the
format's, and the SHA-256 of everything before it.
"""

import hashlib
import json
import os
from collections.abc import Iterable, Iterator
from itertools import islice
from pathlib import Path
from typing import Any, TextIO, TypeVar

AT_ONCE = 1_000
Item = TypeVar("Item")


class BadBackup(ValueError):
    """The file is none, or not as it was written."""


def sealed(header: dict[str, Any], rows: Iterable[dict[str, Any]], what: str) -> Iterator[str]:
    """The file's lines."""
    digest, count = hashlib.sha256(), -1  # the header is not counted
    for members in _after(header, rows):
        line = _line(members)
        digest.update(line.encode())
        count += 1
        yield line
    yield _line({what: count, "sha256": digest.hexdigest()})


def check(file: TextIO, form: str, what: str) -> int:
    """How many lines there are between a whole file's first and last. BadBackup for any other."""
    digest, count, last = hashlib.sha256(), 0, ""
    for number, line in enumerate(file):
        if number == 0 and _read(line).get("format") != form:
            raise BadBackup(f"the file is no {form}")
        if last:
            digest.update(last.encode())
        last, count = line, number
    end = _read(last) if last else {}
    if end.get("sha256") != digest.hexdigest() or end.get(what) != count - 1:
        raise BadBackup("the file was cut or changed: its checksum does not fit")
    return count - 1


def members_with(file: TextIO, name: str) -> Iterator[dict[str, Any]]:
    """The lines of a checked file that have this member, from its beginning."""
    file.seek(0)
    for line in file:
        if f'"{name}"' in line and name in (members := _read(line)):
            yield members


def groups_of(items: Iterable[Item]) -> Iterator[list[Item]]:
    """The items, so many at once."""
    iterator = iter(items)
    while group := list(islice(iterator, AT_ONCE)):
        yield group


def write_whole(path: Path, lines: Iterable[str]) -> None:
    """A file that appears under its name when it is complete."""
    draft = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        with draft.open("w", encoding="utf-8", newline="\n") as file:
            file.writelines(lines)
        draft.replace(path)
    finally:
        draft.unlink(missing_ok=True)


def _after(header: dict[str, Any], rows: Iterable[dict[str, Any]]) -> Iterator[dict[str, Any]]:
    yield header
    yield from rows


def _line(members: dict[str, Any]) -> str:
    return json.dumps(members, ensure_ascii=False) + "\n"


def _read(line: str) -> dict[str, Any]:
    try:
        members = json.loads(line)
    except ValueError as error:
        raise BadBackup("a line is no JSON") from error
    if not isinstance(members, dict):
        raise BadBackup("a line is no JSON object")
    return members
