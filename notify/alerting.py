"""What staff do to alerts."""

from django.db.models.functions import Now

from notify.models.alerts import Alert, AlertState


def acknowledge(alert: Alert, who: str, reason: str) -> bool:
    """Say that somebody looks after it; False when it does not fire (any more)."""
    firing = Alert.objects.filter(pk=alert.pk, state=AlertState.FIRING)
    return bool(
        firing.update(
            state=AlertState.ACKNOWLEDGED,
            acknowledged_at=Now(),
            acknowledged_by=who[:200],
            reason=reason[:400],
        )
    )
