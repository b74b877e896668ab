"""Actions on a gateway's keys, carried out through its own API: until an answer, never twice.

What counts is whether a request may have reached the gateway. If not, it is simply tried again.
If so, and no answer came, the key at the gateway tells whether it was carried out; where that
cannot be told, the action fails and says so.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

import msgspec
from django.db import connection
from django.db.models.functions import Now

from billing.gateway.redact import mask, redacted
from billing.keys.gateway_api import GatewayApi, NoAnswer, NotSent, Refusal
from billing.keys.gateway_lookup import Standing, look_up
from billing.models import ApiKey, KeyAction
from billing.models.gateway_work import KeyActionKind, WorkStatus

FIRST_WAIT_S, LONGEST_WAIT_S, MOST_ATTEMPTS = 5, 900, 20
UNKNOWN = (
    "The gateway did not answer, and whether it was done cannot be told. Look there before you"
    " repeat it."
)

# One worker at a time, and the actions on one key one after the other. A worker that dies leaves
# the action to whoever comes after five minutes.
_CLAIM = """
update billing_keyaction a
set status = 'running', attempts = attempts + 1,
    due_at = clock_timestamp() + interval '5 minutes'
where a.id = %(id)s and a.status in ('queued', 'running') and a.due_at <= clock_timestamp()
  and not exists (
      select from billing_keyaction o
      where o.key_id = a.key_id and o.id < a.id and o.status in ('queued', 'running'))
returning a.id
"""

_PUT_OFF = """
update billing_keyaction
set status = 'queued', outcome = %(said)s,
    due_at = clock_timestamp() + make_interval(secs => %(wait)s)
where id = %(id)s
"""

_DUE = """
select id from billing_keyaction
where status in ('queued', 'running') and due_at <= clock_timestamp()
order by id limit %(limit)s
"""

_FORGET = """
update billing_keyaction set secret = ''
where status = 'done' and secret <> '' and finished_at < now() - interval '1 day'
"""


@dataclass(frozen=True)
class Request:
    """What is posted to the gateway."""

    path: str
    body: dict[str, Any]


def due(limit: int = 100) -> list[int]:
    """The actions that wait for a worker."""
    with connection.cursor() as cursor:
        cursor.execute(_DUE, {"limit": limit})
        return [row[0] for row in cursor.fetchall()]


def forget_new_keys() -> int:
    """Erase new keys that nobody wanted to see within a day."""
    with connection.cursor() as cursor:
        cursor.execute(_FORGET)
        return int(cursor.rowcount)


def run(action_id: int) -> int | None:
    """Try the action once; the seconds to wait before the next try, None when none is needed."""
    with connection.cursor() as cursor:
        cursor.execute(_CLAIM, {"id": action_id})
        if cursor.fetchone() is None:
            return None
    action = KeyAction.objects.select_related("key__source").get(pk=action_id)
    try:
        _attempt(action)
    except (NotSent, NoAnswer) as error:
        return _put_off(action, str(error))
    except Refusal as error:
        _finish(action, WorkStatus.FAILED, str(error))
    return None


def _attempt(action: KeyAction) -> None:
    api = GatewayApi(action.key.source)
    keys = _identified(api, action)
    if action.sent_at is not None:
        verdict = _was_done(action, keys[0])
        if verdict is None:
            _finish(action, WorkStatus.FAILED, UNKNOWN)
            return
        if verdict:
            _finish(action, WorkStatus.DONE, "Done; the gateway's answer was lost.")
            return
    answer = _posted(api, action, keys)
    if answer is not None:
        _finish(action, WorkStatus.DONE, _said(answer), str(answer.get("newKey") or ""))


def _identified(api: GatewayApi, action: KeyAction) -> list[Standing]:
    """The key, and for a transfer the receiving one, as the gateway has them."""
    keys = [action.key]
    if action.kind == KeyActionKind.TRANSFER:
        keys.append(ApiKey.objects.get(pk=action.params["to"]))
    if action.secret and len(keys) == 1:
        return [Standing(action.secret, "", active=True, suspended=False)]
    return look_up(api, keys)


def _posted(api: GatewayApi, action: KeyAction, keys: list[Standing]) -> Mapping[str, Any] | None:
    """The gateway's answer. None when it refused to do again what an earlier try had done."""
    request = _request(action, [key.secret for key in keys])
    was_sent = action.sent_at is not None
    before = msgspec.structs.asdict(keys[0]) | {"secret": ""}
    KeyAction.objects.filter(pk=action.pk).update(sent_at=Now(), before=before)
    try:
        return api.post(request.path, request.body)
    except NotSent:
        KeyAction.objects.filter(pk=action.pk).update(sent_at=None, before=None)
        raise
    except Refusal:
        if not was_sent or action.kind not in (KeyActionKind.SUSPEND, KeyActionKind.RESUME):
            raise
        _finish(action, WorkStatus.DONE, "Done; the gateway's first answer was lost.")
        return None


def _was_done(action: KeyAction, now: Standing) -> bool | None:
    """Whether an earlier try without an answer was carried out; None when that cannot be told."""
    if action.kind in (KeyActionKind.TOPUP, KeyActionKind.TRANSFER):
        return _was_moved(action, now)
    if action.kind == KeyActionKind.ROTATE:
        return None if not now.allocated or not now.active else False
    if not now.allocated:
        return False  # doing it again changes nothing more
    return {
        KeyActionKind.SUSPEND: now.suspended,
        KeyActionKind.RESUME: not now.suspended,
        KeyActionKind.REVOKE: not now.active,
    }.get(KeyActionKind(action.kind), False)


def _was_moved(action: KeyAction, now: Standing) -> bool | None:
    """Calls move credits to what was spent, so the sum of both changes by this action alone."""
    before = (action.before or {}).get("allocated")
    if not before or not now.allocated:
        return None
    moved = abs(Decimal(now.allocated) - Decimal(before))
    if moved == 0:
        return False
    return True if moved == Decimal(action.params["credits"]) else None


def _request(action: KeyAction, secrets: list[str]) -> Request:
    key, params = {"key": secrets[0]}, action.params
    credits = int(Decimal(params.get("credits") or 0))
    if action.kind == KeyActionKind.TRANSFER:
        memo = params.get("memo") or action.reason
        moved = {"from": secrets[0], "to": secrets[1], "credits": credits, "memo": memo}
        return Request("/keys/transfer", moved)
    if action.kind == KeyActionKind.GROUP:
        group = params["group"]
        return (
            Request("/groups/assign", {**key, "groupId": group})
            if group
            else Request("/groups/remove", key)
        )
    by_kind: dict[str, dict[str, Any]] = {
        KeyActionKind.SUSPEND: {"reason": action.reason},
        KeyActionKind.TOPUP: {"credits": credits},
        KeyActionKind.EXPIRY: {"expiresAt": params.get("expires_at")},
        KeyActionKind.TAGS: {"tags": params.get("tags")},
    }
    more = by_kind.get(action.kind, {})
    path = "/topup" if action.kind == KeyActionKind.TOPUP else f"/keys/{action.kind}"
    return Request(path, {**key, **more})


def _said(answer: Mapping[str, Any]) -> str:
    """The gateway's own message; of a new key its mask only."""
    message: str = redacted(str(answer.get("message") or "Done."))
    new = answer.get("newKey")
    return f"{message}: {mask(new)}" if isinstance(new, str) else message


def _finish(action: KeyAction, status: str, said: str, new_key: str = "") -> None:
    """The end of it: the key in full is erased, a new one sealed until it is shown."""
    KeyAction.objects.filter(pk=action.pk).update(
        status=status, outcome=said, secret=new_key, before=None, finished_at=Now()
    )


def _put_off(action: KeyAction, said: str) -> int | None:
    if action.attempts >= MOST_ATTEMPTS:
        _finish(action, WorkStatus.FAILED, f"Given up after {action.attempts} tries. {said}")
        return None
    wait = min(FIRST_WAIT_S * 2 ** (action.attempts - 1), LONGEST_WAIT_S)
    with connection.cursor() as cursor:
        cursor.execute(_PUT_OFF, {"id": action.pk, "said": said, "wait": wait})
    return int(wait)
