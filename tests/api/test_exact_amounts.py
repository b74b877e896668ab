"""An amount is the same to the last atomic unit behind every door."""

import json

import pytest
from django.contrib.auth.models import User
from django.test import Client

from billing.models import Payment
from tests.api.callers import Caller, deliver, received, settled


@pytest.mark.parametrize("atomic", [2**53 + 1, 10**24 + 1, 2**256 - 1])
def test_atomic_amounts_survive_ingest_database_api_and_admin(viewer: Caller, atomic: int) -> None:
    deliver(received("p1", amount=None, amountAtomic=str(atomic)), settled("p1"))
    whole, fraction = divmod(atomic, 10**6)
    stored = Payment.objects.get()
    assert stored.amount_atomic == atomic

    text = viewer.get("/api/v1/payments/").content.decode()
    row = json.loads(text)["results"][0]
    assert (row["amount_atomic"], row["amount"]) == (f"{atomic}", f"{whole}.{fraction:06}")
    figures = viewer.get("/api/v1/analytics/payments/", window="all").json()
    assert figures["totalVolume"] == f"{whole}.{fraction:06}"

    staff = Client()
    staff.force_login(User.objects.create_superuser("root", "root@example.org", "secret"))
    page = staff.get(f"/admin/billing/payment/{stored.pk}/change/").content.decode()
    assert f"{atomic:,}" in page
    assert f"{whole:,}.{fraction:06}" in page
