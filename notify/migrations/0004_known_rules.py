"""Rules to begin with, switched off: switch on those that fit, and say who is told."""

from decimal import Decimal
from typing import Any

from django.db import migrations

RULES: list[dict[str, Any]] = [
    {
        "name": "Payments fail: above 5 % in 5 minutes",
        "family": "payments",
        "report": "payments",
        "minutes": 5,
        "figure": "successRate",
        "comparison": "lt",
        "threshold": Decimal(95),
        "severity": "critical",
        "no_data": "ok",
    },
    {
        "name": "Settlement is slow: p95 above 30 s",
        "family": "payments",
        "report": "payments",
        "params": {"window": "1h"},
        "figure": "p95SettlementTime",
        "threshold": Decimal(30_000),
        "no_data": "ok",
    },
    {
        "name": "Many payments are open: above 100",
        "family": "payments",
        "report": "realtime",
        "figure": "pendingSettlements",
        "threshold": Decimal(100),
        "for_seconds": 300,
    },
    {
        "name": "No payments for 15 minutes",
        "family": "payments",
        "report": "payments",
        "minutes": 15,
        "figure": "totalPayments",
        "comparison": "lt",
        "threshold": Decimal(1),
        "severity": "critical",
    },
    {
        "name": "A key is low on credits: below 100",
        "family": "gateway",
        "report": "consumer-spend-velocity",
        "rows": "consumers",
        "subject": "name",
        "figure": "creditsRemaining",
        "comparison": "lt",
        "threshold": Decimal(100),
        "no_data": "ok",
    },
    {
        "name": "Calls are denied: above 20 % in an hour",
        "family": "gateway",
        "report": "denials",
        "params": {"window": "1h"},
        "figure": "summary.denialRate",
        "threshold": Decimal("0.2"),
        "no_data": "ok",
    },
    {
        "name": "A key spends fast: above 1,000 credits an hour",
        "family": "gateway",
        "report": "consumer-spend-velocity",
        "rows": "consumers",
        "subject": "name",
        "figure": "creditsPerHour",
        "threshold": Decimal(1_000),
        "no_data": "ok",
    },
    {
        "name": "Gas of a network in a day: above 0.1",
        "family": "payments",
        "report": "networks",
        "params": {"window": "24h"},
        "rows": ".",
        "subject": "chainId",
        "figure": "totalGasSpent",
        "threshold": Decimal("0.1"),
        "no_data": "ok",
    },
]


def add(apps: Any, schema_editor: Any) -> None:
    """Those whose name is free."""
    rule = apps.get_model("notify", "AlertRule")
    for fields in RULES:
        rule.objects.get_or_create(name=fields["name"], defaults={**fields, "enabled": False})


class Migration(migrations.Migration):
    dependencies = [("notify", "0003_alerts")]

    operations = [migrations.RunPython(add, migrations.RunPython.noop)]
