"""Events that wait for the portal, in a SQLite file that outlives the process."""

import json
import logging
import sqlite3
import threading
import time
import uuid
from collections import deque
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

# A settlement waits for the file at most so long; then the event stays in memory for a moment.
LOCK_SECONDS = 0.03
SCHEMA = """
CREATE TABLE IF NOT EXISTS waiting (place INTEGER PRIMARY KEY AUTOINCREMENT, body TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS refused (body TEXT NOT NULL, why TEXT NOT NULL, at REAL NOT NULL);
CREATE TABLE IF NOT EXISTS dropped (one INTEGER PRIMARY KEY CHECK (one = 1), count INTEGER);
INSERT OR IGNORE INTO dropped VALUES (1, 0);
"""
log = logging.getLogger("paygate_x402")


class Outbox:
    """At most `limit` events, oldest first; what does not fit is dropped and counted."""

    def __init__(self, path: str | Path, limit: int) -> None:
        """Open or create the file; sqlite3.Error when that is impossible."""
        self._limit = limit
        self._lock = threading.Lock()
        self._late: deque[str] = deque()  # not in the file yet, oldest first
        self._missed = 0  # dropped, and not yet counted in the file
        self._file = sqlite3.connect(
            path, timeout=LOCK_SECONDS, isolation_level=None, check_same_thread=False
        )
        self._file.execute("PRAGMA journal_mode = WAL")
        # Survives the death of the process. Waiting for the disk would delay settlements.
        self._file.execute("PRAGMA synchronous = NORMAL")
        self._file.executescript(SCHEMA)
        self._count = self._number("SELECT count(*) FROM waiting")

    def append(self, kind: str, data: Mapping[str, Any]) -> None:
        """Keep an event under an id of its own."""
        event = {"id": uuid.uuid4().hex, "type": kind, "data": data}
        self._late.append(json.dumps(event, separators=(",", ":")))
        if self._lock.acquire(timeout=LOCK_SECONDS):
            try:
                self._write()
            finally:
                self._lock.release()

    def _write(self) -> None:
        """Bring what is in memory into the file; what the file does not take now stays late."""
        while self._late:
            if self._count >= self._limit:
                self._drop()
                continue
            try:
                self._file.execute("INSERT INTO waiting (body) VALUES (?)", (self._late[0],))
            except sqlite3.OperationalError as error:  # locked by another process, or a full disk
                log.warning("the outbox cannot be written now: %s", error)
                while len(self._late) > self._limit:
                    self._drop()
                return
            self._late.popleft()
            self._count += 1

    def _drop(self) -> None:
        self._late.popleft()
        self._missed += 1
        log.error("the outbox is full: an event was dropped, %d since it was noted", self._missed)

    def oldest(self, most: int) -> list[tuple[int, str]]:
        """Places and bodies of the events to be sent next."""
        with self._lock:
            self._write()
            query = "SELECT place, body FROM waiting ORDER BY place LIMIT ?"
            return self._file.execute(query, (most,)).fetchall()

    def done(self, places: Sequence[int]) -> None:
        """Forget events that the portal has."""
        with self._lock:
            self._remove(places)
            self._save_missed()

    def refuse(self, place: int, body: str, why: str) -> None:
        """Set an event aside that the portal will never take."""
        with self._lock:
            self._file.execute("INSERT INTO refused VALUES (?, ?, ?)", (body, why, time.time()))
            self._remove([place])

    def counts(self) -> tuple[int, int, int]:
        """Events waiting, refused and dropped, since the file was made."""
        with self._lock:
            refused = self._number("SELECT count(*) FROM refused")
            dropped = self._number("SELECT count FROM dropped") + self._missed
            waiting = self._number("SELECT count(*) FROM waiting") + len(self._late)
            return waiting, refused, dropped

    def close(self) -> None:
        """Close the file; what waits is sent after the next start."""
        with self._lock:
            self._write()
            self._save_missed()
            self._file.close()

    def _remove(self, places: Sequence[int]) -> None:
        rows = [(place,) for place in places]
        self._file.execute("BEGIN")
        self._file.executemany("DELETE FROM waiting WHERE place = ?", rows)
        self._file.execute("COMMIT")
        self._count = self._number("SELECT count(*) FROM waiting")

    def _save_missed(self) -> None:
        if self._missed:
            self._file.execute("UPDATE dropped SET count = count + ?", (self._missed,))
            self._missed = 0

    def _number(self, query: str) -> int:
        number: int = self._file.execute(query).fetchone()[0]
        return number
