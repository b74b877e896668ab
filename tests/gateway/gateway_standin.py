"""A gateway over HTTP that lives through the recorded days again, and can be restarted.

What it answers at a simulated moment is what had happened by then. Its logs are in memory: a
restart empties them and their numbers begin at 1 again. Keys and groups survive, as with a state
file. Rings, the admin rate limit and the roles of its admin keys can be set.
"""

import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.utils import format_datetime
from functools import cache
from hashlib import sha256
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

from tests.gateway.conftest import recorded

ADMIN, VIEWER = "FAKE-standin-admin", "FAKE-standin-viewer"
Record = dict[str, Any]


@cache
def history(name: str, member: str) -> list[Record]:
    """A recorded list, oldest first."""
    found: list[Record] = json.loads(recorded(name))[member]
    return found if name == "usage.json" else found[::-1]


@cache
def audit_history() -> list[Record]:
    """The recorded audit log, oldest first."""
    return history("audit-2.json", "events") + history("audit-1.json", "events")


@cache
def backup_at_end() -> Record:
    """The recorded backup's data."""
    data: Record = json.loads(recorded("backup.json"))["data"]
    return data


def mask(key: str) -> str:
    """As gateways mask."""
    return f"{key[:7]}...{key[-4:]}"


def iso(moment: datetime) -> str:
    """As gateways write time."""
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def keys_at(now: str) -> list[Record]:
    """The keys there are by then, each with what happened to it by then."""
    keys = {mask(k["key"]): dict(k) for k in backup_at_end()["keys"] if k["createdAt"] <= now}
    for key in keys.values():
        key |= {"totalSpent": 0, "totalCalls": 0, "lastUsedAt": None, "active": True}
        key.pop("suspended", None)
    for event in audit_history():
        if event["timestamp"] <= now:
            _apply(keys, event["type"], event["metadata"])
    by_prefix = {key["key"][:10]: key for key in keys.values()}
    for call in history("usage.json", "events"):
        key = by_prefix.get(call["apiKey"].removesuffix("..."), {})
        if call["allowed"] and call["timestamp"] <= now:
            key["credits"] -= call["creditsCharged"]
            key["totalSpent"] += call["creditsCharged"]
            key["totalCalls"] += 1
            key["lastUsedAt"] = call["timestamp"]
    return list(keys.values())


def _apply(keys: dict[str, Record], kind: str, said: Record) -> None:
    key = keys.get(str(said.get("keyMasked", "")), {})
    if kind == "key.created":
        key["credits"] = said["credits"]
    elif kind == "key.topup":
        key["credits"] += said["creditsAdded"]
    elif kind == "key.credits_transferred":
        keys[said["fromKeyMasked"]]["credits"] -= said["credits"]
        keys[said["toKeyMasked"]]["credits"] += said["credits"]
    elif kind in ("key.suspended", "key.resumed"):
        key["suspended"] = kind == "key.suspended"
    elif kind == "key.revoked":
        key["active"] = False


@dataclass
class StandIn:
    """The gateway. `now` is its clock, `began` the start of its process."""

    now: datetime
    began: datetime
    usage_cap: int = 100_000
    log_cap: int = 5_000
    audit_cap: int = 10_000
    most_requests: int = 1_000_000
    roles: dict[str, str] = field(default_factory=lambda: {ADMIN: "admin", VIEWER: "viewer"})
    asked: list[str] = field(default_factory=list)
    port: int = 0
    server: ThreadingHTTPServer | None = None

    @property
    def url(self) -> str:
        """Its address, below a path as behind a proxy."""
        return f"http://127.0.0.1:{self.port}/gw"

    def start(self) -> None:
        """Listen, on the same port as before."""
        handler = type("Handler", (_Handler,), {"gateway": self})
        self.server = ThreadingHTTPServer(("127.0.0.1", self.port), handler)
        self.port = self.server.server_address[1]
        threading.Thread(target=self.server.serve_forever, args=(0.02,), daemon=True).start()

    def stop(self) -> None:
        """Stop listening."""
        if self.server is not None:
            self.server.shutdown()
            self.server.server_close()
            self.server = None

    def restart(self, now: datetime) -> None:
        """A new process at that moment: empty logs, numbers from 1."""
        self.stop()
        self.now = self.began = now
        self.start()

    def logged(self, events: list[Record], cap: int) -> list[Record]:
        """What this process wrote so far, numbered, as far as its ring holds it."""
        first, last = iso(self.began), iso(self.now)
        mine = [event for event in events if first < event["timestamp"] <= last]
        return [event | {"id": n} for n, event in enumerate(mine, 1)][-cap:]

    def metered(self, since: str) -> list[Record]:
        """The usage ring: when it is full its oldest quarter goes at once."""
        first, last = iso(self.began), iso(self.now)
        calls = [c for c in history("usage.json", "events") if first < c["timestamp"] <= last]
        quarter = self.usage_cap // 4
        while len(calls) > self.usage_cap:
            calls = calls[quarter:]
        return [call for call in calls if call["timestamp"] >= since]


@contextmanager
def running(now: datetime, **changes: Any) -> Iterator[StandIn]:
    """A gateway that listens, its process as old as its history."""
    gateway = StandIn(now=now, began=datetime(2026, 1, 1, tzinfo=UTC), **changes)
    gateway.start()
    try:
        yield gateway
    finally:
        gateway.stop()


class _Handler(BaseHTTPRequestHandler):
    gateway: StandIn

    def do_GET(self) -> None:
        """Answer as the gateway does."""
        address = urlsplit(self.path)
        query = {name: values[0] for name, values in parse_qs(address.query).items()}
        path = address.path.removeprefix("/gw")
        self.gateway.asked.append(path)
        if len(self.gateway.asked) > self.gateway.most_requests:
            busy = {"error": "Too many admin requests. Try again later."}
            self._say(429, busy, Retry_After="17")
        elif path.startswith("/moved"):
            self._say(302, {}, Location=f"{self.gateway.url}{path.removeprefix('/moved')}")
        elif path in _PUBLIC:
            self._say(200, _PUBLIC[path])
        else:
            self._private(path, query)

    def _private(self, path: str, query: dict[str, str]) -> None:
        role = self.gateway.roles.get(self.headers.get("X-Admin-Key", ""))
        if role is None:
            self._say(401, {"error": "Invalid admin key"})
        elif path == "/admin/backup" and role != "admin":
            self._say(403, {"error": "Insufficient permissions", "requiredRole": "admin"})
        elif path in _ANSWERS:
            self._say(200, _ANSWERS[path](self.gateway, query))
        else:
            self._say(404, {"error": "Not found"})

    def _say(self, status: int, answer: Any, **headers: str) -> None:
        body = json.dumps(answer, indent=2, ensure_ascii=False).encode()
        self.send_response_only(status)
        self.send_header("Date", format_datetime(self.gateway.now, usegmt=True))
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        for name, value in headers.items():
            self.send_header(name.replace("_", "-"), value)
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: Any) -> None:
        """Say nothing."""


def _page(entries: list[Record], query: dict[str, str], most: int) -> tuple[list[Record], Record]:
    limit, offset = min(int(query.get("limit", "100")), most), int(query.get("offset", "0"))
    page = entries[::-1][offset : offset + limit]
    about = {"count": len(page), "total": len(entries), "limit": limit, "offset": offset}
    return page, about


def _requests(gateway: StandIn, query: dict[str, str]) -> Record:
    entries = gateway.logged(history("requests.json", "requests"), gateway.log_cap)
    page, about = _page(entries, query, 5_000)
    return about | {"requests": page}


def _audit(gateway: StandIn, query: dict[str, str]) -> Record:
    page, about = _page(gateway.logged(audit_history(), gateway.audit_cap), query, 1_000)
    return about | {"events": page}


def _usage(gateway: StandIn, query: dict[str, str]) -> Record:
    since = query.get("since", "")
    events = gateway.metered(since)
    return {"count": len(events), "since": since or "all", "events": events}


def _keys(gateway: StandIn, query: dict[str, str]) -> Record:
    limit, offset = min(int(query["limit"]), 500), int(query["offset"])
    keys = sorted(keys_at(iso(gateway.now)), key=lambda key: str(key[query["sortBy"]]))
    shown = [
        {name: value for name, value in key.items() if name != "key"}
        | {"keyPrefix": key["key"][:10] + "..."}
        for key in keys[offset : offset + limit]
    ]
    return {"keys": shown, "total": len(keys), "offset": offset, "limit": limit}


def _backup(gateway: StandIn, _: dict[str, str]) -> Record:
    data = backup_at_end() | {"keys": keys_at(iso(gateway.now))}
    compact = json.dumps(data, separators=(",", ":"), ensure_ascii=False)
    return {
        "version": "1.0",
        "timestamp": iso(gateway.now),
        "data": data,
        "checksum": sha256(compact.encode()).hexdigest(),
    }


def _groups(_gateway: StandIn, _query: dict[str, str]) -> Record:
    groups: Record = json.loads(recorded("groups.json"))
    return groups


def _sla(gateway: StandIn, _: dict[str, str]) -> Record:
    return {"summary": {}, "uptime": {"startedAt": iso(gateway.began), "uptimeSeconds": 1}}


_PUBLIC = {f"/{name}": json.loads(recorded(f"{name}.json")) for name in ("info", "pricing")}
_ANSWERS: dict[str, Callable[[StandIn, dict[str, str]], Record]] = {
    "/usage": _usage,
    "/requests/export": _requests,
    "/audit/export": _audit,
    "/keys": _keys,
    "/admin/backup": _backup,
    "/admin/sla": _sla,
    "/groups": _groups,
}
