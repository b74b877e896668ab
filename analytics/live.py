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

TICK_SECONDS = 2.0
SEND_SECONDS = 2.0  # a viewer whose socket takes longer is dropped, so that others are not late
ALIVE = timedelta(seconds=15)  # rows not renewed for so long do not count
NOT_SIGNED_IN, NOT_STAFF, NO_SUCH_PATH, BROKEN = 4401, 4403, 4404, 1011

logger = logging.getLogger(__name__)
_encoder = msgspec.json.Encoder(decimal_format="number")


class LiveConsumer(AsyncWebsocketConsumer):  # type: ignore[misc]  # channels ships no types
    """One viewer's socket. It only sends; what arrives is ignored.

    Strangers are accepted and closed with 4401, other users with 4403: a refused handshake would
    hide the reason from a browser.
    """

    async def connect(self) -> None:
        """Let staff in and start sending."""
        self.viewer_id: UUID | None = None
        user = self.scope["user"]
        await self.accept()
        if not user.is_authenticated:
            await self.close(NOT_SIGNED_IN)
        elif not (user.is_active and user.is_staff):
            await self.close(NOT_STAFF)
        else:
            self.viewer_id = uuid4()
            await feed.join(self.viewer_id, user.pk, self)

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
    _viewers: dict[UUID, tuple[int, LiveConsumer]] = field(default_factory=dict)
    _task: asyncio.Task[None] | None = None
    _lock: asyncio.Lock = field(default_factory=asyncio.Lock)

    async def join(self, viewer: UUID, user_id: int, consumer: LiveConsumer) -> None:
        """Count the viewer and serve it from the next tick on."""
        async with self._lock:
            await database_sync_to_async(heartbeat)([viewer], self.process)
            self._viewers[viewer] = (user_id, consumer)
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
                text, staff = await database_sync_to_async(self._compute)()
        except Exception:  # the shell of a background task: nobody above it would hear
            logger.exception("the live view cannot be computed; viewers will reconnect")
            await self._each(lambda consumer, _: consumer.close(BROKEN))
            return
        await self._each(
            lambda consumer, user_id: (
                consumer.send(text) if user_id in staff else consumer.close(NOT_STAFF)
            )
        )

    def _compute(self) -> tuple[str, set[int]]:
        viewers = dict(self._viewers)
        heartbeat(viewers, self.process)
        sweep()
        users = {user_id for user_id, _ in viewers.values()}
        return realtime_json(), still_staff(users)

    async def _each(self, deliver: Any) -> None:
        viewers = list(self._viewers.values())
        sends = [self._within_limit(deliver(consumer, user)) for user, consumer in viewers]
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


def still_staff(users: Collection[int]) -> set[int]:
    """Those who still may watch."""
    rows = User.objects.filter(pk__in=users, is_active=True, is_staff=True)
    return set(rows.values_list("pk", flat=True))


def realtime_json() -> str:
    """The `realtime` report as the API answers it."""
    return _encoder.encode(find_report("realtime").answer({}).data).decode()


feed = LiveFeed()
