"""The live view: the `realtime` report to every signed-in member of staff, every two seconds.

One computation per process and tick, however many viewers. Each open socket has a row in
LiveConnection that the tick renews; a row of a process that died is simply not renewed.
"""

import asyncio
import logging
import os
import socket
from collections.abc import Collection
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any
from uuid import UUID, uuid4

import msgspec
from channels.db import (  # type: ignore[import-untyped]  # channels ships no types
    database_sync_to_async,
)
from channels.generic.websocket import (  # type: ignore[import-untyped]  # as above
    AsyncWebsocketConsumer,
)
from django.contrib.auth.models import User
from django.db.models.functions import Now

from analytics.models import LiveConnection
from analytics.registry import find_report
from billing.access.second_factor import factor_in, factors_of, is_enough

TICK_SECONDS = 2.0
SEND_SECONDS = 2.0  # a viewer whose socket takes longer is dropped, so that others are not late
ALIVE = timedelta(seconds=15)  # rows not renewed for so long do not count
NOT_SIGNED_IN, NOT_VERIFIED, NOT_STAFF, NO_SUCH_PATH, BROKEN = 4401, 4402, 4403, 4404, 1011

logger = logging.getLogger(__name__)
_encoder = msgspec.json.Encoder(decimal_format="number")


@dataclass(frozen=True)
class Viewer:
    """Who watches, and the second factor that verified the session."""

    user_id: int
    factor: str


class LiveConsumer(AsyncWebsocketConsumer):  # type: ignore[misc]  # channels ships no types
    """One viewer's socket. It only sends; what arrives is ignored.

    Strangers are accepted and closed with 4401, sessions that owe their second factor with 4402,
    other users with 4403: a refused handshake would hide the reason from a browser.
    """

    async def connect(self) -> None:
        """Let staff in and start sending."""
        self.viewer_id: UUID | None = None
        user = self.scope["user"]
        await self.accept()
        if not user.is_authenticated:
            await self.close(NOT_SIGNED_IN)
            return
        viewer, refused = await database_sync_to_async(self._viewer)()
        if refused:
            await self.close(refused)
            return
        self.viewer_id = uuid4()
        await feed.join(self.viewer_id, viewer, self)

    def _viewer(self) -> tuple[Viewer, int | None]:
        viewer = Viewer(self.scope["user"].pk, factor_in(self.scope["session"]))
        return viewer, refusals([viewer]).get(viewer)

    async def disconnect(self, code: int) -> None:
        """Stop sending and stop counting."""
        if self.viewer_id is not None:
            await feed.leave(self.viewer_id)

    async def receive(self, text_data: str | None = None, bytes_data: bytes | None = None) -> None:
        """Nothing is asked of the server."""


class NoSuchPath(AsyncWebsocketConsumer):  # type: ignore[misc]  # channels ships no types
    """Any other WebSocket address."""

    async def connect(self) -> None:
        """Refuse."""
        await self.close(NO_SUCH_PATH)


@dataclass
class LiveFeed:
    """The viewers of this process, and the one task that serves them while there are any."""

    process: str = field(default_factory=lambda: f"{socket.gethostname()}:{os.getpid()}"[:100])
    _viewers: dict[UUID, tuple[Viewer, LiveConsumer]] = field(default_factory=dict)
    _task: asyncio.Task[None] | None = None
    _lock: asyncio.Lock = field(default_factory=asyncio.Lock)

    async def join(self, key: UUID, viewer: Viewer, consumer: LiveConsumer) -> None:
        """Count the viewer and serve it from the next tick on."""
        async with self._lock:
            await database_sync_to_async(heartbeat)([key], self.process)
            self._viewers[key] = (viewer, consumer)
        if self._task is None or self._task.done():
            self._task = asyncio.create_task(self._run())

    async def leave(self, viewer: UUID) -> None:
        """Forget the viewer. The lock keeps a running tick from renewing its row afterwards."""
        self._viewers.pop(viewer, None)
        async with self._lock:
            await database_sync_to_async(forget)(viewer)
            if not self._viewers and self._task is not None:
                self._task.cancel()
                self._task = None

    async def _run(self) -> None:
        clock = asyncio.get_running_loop().time
        while self._viewers:
            due = clock() + TICK_SECONDS
            await self._tick()
            await asyncio.sleep(max(0.0, due - clock()))

    async def _tick(self) -> None:
        try:
            async with self._lock:
                text, refused = await database_sync_to_async(self._compute)()
        except Exception:  # the shell of a background task: nobody above it would hear
            logger.exception("the live view cannot be computed; viewers will reconnect")
            await self._each(lambda consumer, _: consumer.close(BROKEN))
            return
        await self._each(
            lambda consumer, viewer: (
                consumer.close(refused[viewer]) if viewer in refused else consumer.send(text)
            )
        )

    def _compute(self) -> tuple[str, dict[Viewer, int]]:
        viewers = dict(self._viewers)
        heartbeat(viewers, self.process)
        sweep()
        return realtime_json(), refusals([viewer for viewer, _ in viewers.values()])

    async def _each(self, deliver: Any) -> None:
        viewers = list(self._viewers.values())
        sends = [self._within_limit(deliver(consumer, viewer)) for viewer, consumer in viewers]
        await asyncio.gather(*sends)

    async def _within_limit(self, delivery: Any) -> None:
        try:
            await asyncio.wait_for(delivery, SEND_SECONDS)
        except (OSError, RuntimeError) as error:  # too slow, or gone before its row is
            logger.info("a viewer of the live view was not reached: %r", error)


def heartbeat(viewers: Collection[UUID], process: str) -> None:
    """Say that these sockets are open now, by the database's clock."""
    rows = [LiveConnection(id=key, process=process, seen_at=Now()) for key in sorted(viewers)]
    LiveConnection.objects.bulk_create(
        rows, update_conflicts=True, unique_fields=["id"], update_fields=["process", "seen_at"]
    )


def forget(viewer: UUID) -> None:
    """The socket is closed."""
    LiveConnection.objects.filter(pk=viewer).delete()


def sweep() -> None:
    """Drop rows that nobody renews; rows another process is dropping are left to it."""
    old = LiveConnection.objects.filter(seen_at__lte=Now() - ALIVE)
    locked = old.select_for_update(skip_locked=True).values("pk")
    LiveConnection.objects.filter(pk__in=locked).delete()


def refusals(viewers: Collection[Viewer]) -> dict[Viewer, int]:
    """Those who may not watch, or not any more, with the code that says why."""
    users = {viewer.user_id for viewer in viewers}
    rows = User.objects.filter(pk__in=users, is_active=True, is_staff=True)
    staff = set(rows.values_list("pk", flat=True))
    factors = factors_of(staff)
    refused = {}
    for viewer in viewers:
        if viewer.user_id not in staff:
            refused[viewer] = NOT_STAFF
        elif not is_enough(viewer.factor, factors.get(viewer.user_id, ())):
            refused[viewer] = NOT_VERIFIED
    return refused


def realtime_json() -> str:
    """The `realtime` report as the API answers it."""
    return _encoder.encode(find_report("realtime").answer({}).data).decode()


feed = LiveFeed()
