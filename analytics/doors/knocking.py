"""Asking at a door, and what the answer means."""

from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from itertools import count
from typing import Any

from asgiref.sync import async_to_sync
from asgiref.testing import ApplicationCommunicator
from django.conf import settings
from django.db import transaction
from django.test import Client
from django.test.utils import override_settings
from django.urls import reverse
from django.utils.module_loading import import_string

from analytics.doors.callers import Caller
from analytics.doors.listing import Door, Kind

YES, NONE, LOGIN, CODE = "yes", "none", "login", "code"
REFUSALS = {"401", "403", LOGIN, CODE, "4401", "4402", "4403"}
BROWSER = "text/html,application/xhtml+xml,*/*;q=0.8"
PATIENCE_SECONDS = 30
_addresses = count(1)
_communicator: Any = ApplicationCommunicator  # asgiref leaves it without types


class LooserDoor(Exception):
    """Of doors that should be alike, one lets somebody in whom another refuses."""


@contextmanager
def as_delivered() -> Iterator[None]:
    """Settings that decide who is let in, whatever this installation has."""
    with override_settings(
        ALLOWED_HOSTS=["localhost"],
        PAYGATE_REQUIRE_SECOND_FACTOR=False,
        PAYGATE_METRICS_NETWORKS=["127.0.0.1/32"],
    ):
        yield


def row_of(door: Door, callers: list[Caller]) -> dict[str, str]:
    """What each caller gets, by name. LooserDoor when the door's addresses differ.

    Those let in at the first address are not asked at the others: refusals are what must be alike.
    """
    first, *others = door.paths
    row = {caller.name: knock(door, first, caller) for caller in callers}
    for path in others:
        for caller in callers:
            asked = row[caller.name]
            if asked in REFUSALS and knock(door, path, caller) != asked:
                raise LooserDoor(f"{door.method} {path} does not answer {caller.name} {asked}")
    return row


def knock(door: Door, path: str, caller: Caller) -> str:
    """What one caller gets at one address; nothing that it does there stays."""
    if door.kind is Kind.LIVE:
        return _live(path, caller)
    with transaction.atomic():
        answer = _ask(door.method, path, caller)
        transaction.set_rollback(True)
    return _meaning(door, answer.status_code, answer.headers.get("Location", ""))


def _ask(method: str, path: str, caller: Caller) -> Any:
    """From an address of its own: how often one may ask is no matter here."""
    at = next(_addresses)
    address = f"10.{at >> 16 & 255}.{at >> 8 & 255}.{at & 255}"
    client = _client()
    client.cookies.clear()
    if caller.cookie:
        client.cookies[settings.SESSION_COOKIE_NAME] = caller.cookie
    headers = caller.headers or {"Accept": BROWSER}
    if path.startswith("/admin/") and method == "POST":
        return client.post(path, {}, headers=headers, REMOTE_ADDR=address)
    body = "" if method == "GET" else "{}"
    return client.generic(
        method, path, body, "application/json", headers=headers, REMOTE_ADDR=address
    )


@cache
def _client() -> Client:
    """One for all: making its middleware takes longer than most answers."""
    return Client(SERVER_NAME="localhost")


def _meaning(door: Door, status: int, location: str) -> str:
    if status in (401, 403):
        return str(status)
    if location.startswith(reverse("second-factor")):
        return CODE
    if location.startswith(reverse("admin:login")):
        return LOGIN
    is_missing = status == 404 or location == reverse("admin:index")
    return NONE if is_missing and door.kind is Kind.PAGE else YES


def _live(path: str, caller: Caller) -> str:
    cookie = f"{settings.SESSION_COOKIE_NAME}={caller.cookie}".encode()
    headers = [(b"host", b"localhost"), (b"origin", b"http://localhost"), (b"cookie", cookie)]
    headers += [(name.lower().encode(), text.encode()) for name, text in caller.headers.items()]
    scope = {"type": "websocket", "path": path, "query_string": b"", "headers": headers}
    return str(async_to_sync(_conversation)({**scope, "subprotocols": []}))


async def _conversation(scope: dict[str, Any]) -> str:
    """The first thing that a socket is told after it was accepted, then it leaves."""
    socket = _communicator(import_string(settings.ASGI_APPLICATION), scope)
    await socket.send_input({"type": "websocket.connect"})
    await socket.receive_output(PATIENCE_SECONDS)
    told = await socket.receive_output(PATIENCE_SECONDS)
    await socket.send_input({"type": "websocket.disconnect", "code": 1000})
    await socket.wait(PATIENCE_SECONDS)
    return str(told["code"]) if told["type"] == "websocket.close" else YES
