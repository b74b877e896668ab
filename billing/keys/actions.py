"""What staff do to keys: at once to keys issued here, by the gateway itself to a gateway's."""

from dataclasses import dataclass, field, replace
from typing import Any

from celery import current_app
from django.db import transaction
from django.db.models.functions import Now

from billing.gateway.redact import redacted
from billing.keys.portal import ActionRefused, carry_out
from billing.keys.secrets import is_secret_of
from billing.models import ApiKey, KeyAction
from billing.models.gateway_work import KeyActionKind, WorkStatus

TASK = "billing.tasks.carry_out_key_action"


class WrongInput(Exception):
    """A parameter that cannot be meant; `field` names it."""

    def __init__(self, field: str, message: str) -> None:
        """Both are shown to the caller."""
        super().__init__(message)
        self.field = field


@dataclass(frozen=True)
class Asked:
    """What is to be done, by whom and why.

    `params` are JSON: credits as text, `to` the id of a key, expires_at as ISO text or null, group,
    tags. `secret` is a gateway's key in full, when the caller has it.
    """

    kind: str
    actor: str
    reason: str
    params: dict[str, Any] = field(default_factory=dict)
    secret: str = ""


@dataclass(frozen=True)
class Done:
    """The action's record, and the new key of a rotation, to be shown once."""

    action: KeyAction
    secret: str | None = None


def act(key: ApiKey, asked: Asked) -> Done:
    """Do it, or have it done by the gateway. What is refused is on record too.

    WrongInput when the parameters cannot be meant, ActionRefused when the key's state forbids it.
    """
    clean = replace(asked, reason=redacted(asked.reason), params=redacted(asked.params))
    return _at_once(key, clean) if key.is_issued_here else _by_gateway(key, clean)


def _at_once(key: ApiKey, asked: Asked) -> Done:
    try:
        with transaction.atomic():
            outcome = carry_out(key, asked.kind, asked.params, asked.actor, asked.reason)
            done = Done(_record(key, asked, WorkStatus.DONE, outcome.said), outcome.secret)
    except ActionRefused as refused:
        _record(key, asked, WorkStatus.FAILED, str(refused))
        raise
    return done


def _record(key: ApiKey, asked: Asked, status: str, outcome: str) -> KeyAction:
    action = KeyAction.objects.create(
        key=key,
        kind=asked.kind,
        params=asked.params,
        actor=asked.actor[:200],
        reason=asked.reason,
        status=status,
        attempts=1,
        outcome=outcome,
        finished_at=Now(),
    )
    action.refresh_from_db()
    return action


def _by_gateway(key: ApiKey, asked: Asked) -> Done:
    _check_for_gateway(key, asked)
    with transaction.atomic():
        action = KeyAction.objects.create(
            key=key,
            kind=asked.kind,
            params=asked.params,
            actor=asked.actor[:200],
            reason=asked.reason,
            secret=asked.secret,
        )
        action.refresh_from_db()
        # The sweep of every minute finds what a broker that is away does not take now.
        transaction.on_commit(lambda: hand_over(action.pk), robust=True)
    return Done(action)


def hand_over(action: int) -> None:
    """Give an action to a worker."""
    current_app.send_task(TASK, [action])


def _check_for_gateway(key: ApiKey, asked: Asked) -> None:
    source = key.source
    if not source.base_url or not source.admin_key:
        raise ActionRefused(
            f"The source {source.slug} has no address and admin key: nothing can be done there."
        )
    if asked.secret and not is_secret_of(asked.secret, key):
        raise WrongInput("key", "This is another key.")
    credits = asked.params.get("credits")
    if credits is not None and not str(credits).isdecimal():
        raise WrongInput("credits", "A gateway counts whole credits.")
    if asked.kind == KeyActionKind.TRANSFER:
        other = ApiKey.objects.filter(
            pk=asked.params["to"], source=source, is_issued_here=False
        ).exclude(pk=key.pk)
        if not other.exists():
            raise WrongInput("to", "Name another key of the same gateway.")


def take_secret(action: KeyAction) -> str | None:
    """The new key of a gateway's rotation, once: from then on it is nowhere."""
    with transaction.atomic():
        row = KeyAction.objects.select_for_update().get(pk=action.pk)
        if row.status != WorkStatus.DONE or row.kind != KeyActionKind.ROTATE or not row.secret:
            return None
        KeyAction.objects.filter(pk=row.pk).update(secret="")
        secret: str = row.secret
        return secret
