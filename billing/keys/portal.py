"""Actions on keys issued here, carried out under the key's row lock."""

from collections.abc import Callable
from dataclasses import asdict, dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any

from billing.keys.ledger import Line, add_line, locked
from billing.keys.secrets import new_secret, traces
from billing.keys.values import MOST_TAGS
from billing.models import ApiKey, KeyGroup
from billing.models.gateway_work import KeyActionKind
from billing.models.keys import CreditKind


class ActionRefused(Exception):
    """The key's state forbids the action; the message says why."""


@dataclass(frozen=True)
class Outcome:
    """What came of it, and the new secret of a rotation."""

    said: str
    secret: str | None = None


@dataclass(frozen=True)
class Order:
    """What is to be done to a locked key; `rows` are all that are locked, by id."""

    key: ApiKey
    rows: dict[int, ApiKey]
    params: dict[str, Any]
    actor: str
    reason: str


def carry_out(key: ApiKey, kind: str, params: dict[str, Any], actor: str, reason: str) -> Outcome:
    """Do it inside the caller's transaction. ActionRefused leaves that to be rolled back."""
    other = [int(params["to"])] if kind == KeyActionKind.TRANSFER else []
    rows = locked(key.pk, *other)
    return _DO[kind](Order(rows[key.pk], rows, params, actor, reason))


def _set(key: ApiKey, **fields: Any) -> None:
    ApiKey.objects.filter(pk=key.pk).update(**fields)


def _alive(order: Order) -> ApiKey:
    if not order.key.active:
        raise ActionRefused("The key is revoked, for good.")
    return order.key


def _suspend(order: Order) -> Outcome:
    if _alive(order).suspended:
        raise ActionRefused("The key is suspended already.")
    _set(order.key, suspended=True)
    return Outcome("Suspended.")


def _resume(order: Order) -> Outcome:
    if not _alive(order).suspended:
        raise ActionRefused("The key is not suspended.")
    _set(order.key, suspended=False)
    return Outcome("Resumed.")


def _revoke(order: Order) -> Outcome:
    _set(_alive(order), active=False)
    return Outcome("Revoked.")


def _topup(order: Order) -> Outcome:
    amount = Decimal(order.params["credits"])
    line = Line(CreditKind.TOPUP, amount, order.actor, order.reason)
    balance = add_line(_alive(order).pk, line)
    return Outcome(f"Added {amount:,f} credits; the balance is {balance:,f}.")


def _transfer(order: Order) -> Outcome:
    amount, giver = Decimal(order.params["credits"]), _alive(order)
    taker = order.rows.get(int(order.params["to"]))
    is_ours = taker is not None and taker.source_id == giver.source_id and taker.is_issued_here
    # A key of another source is as if it were not there: ids tell nothing to who may not see it.
    if taker is None or not is_ours or taker.pk == giver.pk:
        raise ActionRefused("Name another key issued here, of the same source.")
    if not taker.active:
        raise ActionRefused("The receiving key is revoked.")
    if giver.credits < amount:
        raise ActionRefused(f"The key has {giver.credits:,f} credits only.")
    memo = order.params.get("memo") or order.reason
    add_line(giver.pk, Line(CreditKind.TRANSFER_OUT, -amount, order.actor, memo))
    add_line(taker.pk, Line(CreditKind.TRANSFER_IN, amount, order.actor, memo))
    return Outcome(f"Transferred {amount:,f} credits to {taker}.")


def _rotate(order: Order) -> Outcome:
    """The row stays, with its ledger and history; only the secret is another one."""
    secret = new_secret()
    seen = traces(secret)
    _set(_alive(order), **asdict(seen))
    return Outcome(f"Rotated: {order.key.mask} is now {seen.mask}.", secret)


def _expiry(order: Order) -> Outcome:
    said = order.params["expires_at"]
    moment = datetime.fromisoformat(said) if said else None
    _set(_alive(order), expires_at=moment, expires_text=said or "")
    return Outcome(f"Expires at {said}." if said else "Never expires.")


def _group(order: Order) -> Outcome:
    group = order.params["group"]
    key = _alive(order)
    if group and not KeyGroup.objects.filter(source=key.source_id, group_id=group).exists():
        raise ActionRefused(f"The source has no group {group}.")
    _set(key, group_id=group)
    return Outcome(f"In group {group}." if group else "In no group.")


def _tags(order: Order) -> Outcome:
    """Names given a text are set, names given null are removed, others stay."""
    changed = {**_alive(order).tags, **order.params["tags"]}
    tags = {name: value for name, value in changed.items() if value is not None}
    if len(tags) > MOST_TAGS:
        raise ActionRefused(f"A key has at most {MOST_TAGS} tags.")
    _set(order.key, tags=tags)
    return Outcome(f"Tags: {', '.join(sorted(tags)) or 'none'}.")


_DO: dict[str, Callable[[Order], Outcome]] = {
    KeyActionKind.SUSPEND: _suspend,
    KeyActionKind.RESUME: _resume,
    KeyActionKind.REVOKE: _revoke,
    KeyActionKind.TOPUP: _topup,
    KeyActionKind.TRANSFER: _transfer,
    KeyActionKind.ROTATE: _rotate,
    KeyActionKind.EXPIRY: _expiry,
    KeyActionKind.GROUP: _group,
    KeyActionKind.TAGS: _tags,
}
