"""What people change through the API: the quarantine, the registry, sources and tokens."""

import json

import pytest

from billing.models import AdminToken, RejectedEvent, Source
from tests.api.callers import (
    EVENTS,
    Caller,
    caller,
    deliver,
    problem_of,
    received,
    settled,
    source,
)

REJECTED = "/api/v1/rejected-events/"
TOKENS = "/api/v1/tokens/"
SOURCES = "/api/v1/sources/"
COIN = "0x2222222222222222222222222222222222222222"


@pytest.fixture
def rejected() -> RejectedEvent:
    """A quarantined event that names a source which does not exist yet."""
    event = received("late") | {"source": "shop"}
    caller("admin", can_ingest=True).post(EVENTS, event)
    return RejectedEvent.objects.get()


def test_it_shows_the_quarantine(viewer: Caller, rejected: RejectedEvent) -> None:
    (row,) = viewer.get(REJECTED, status="open").json()["results"]
    assert (row["code"], row["status"], row["times_seen"]) == ("unknown_source", "open", 1)
    assert json.loads(row["body"])["source"] == "shop"


def test_a_replay_that_fails_again_leaves_it_open(
    operator: Caller, rejected: RejectedEvent
) -> None:
    assert operator.post(f"{REJECTED}{rejected.pk}/replay/").json()["status"] == "open"


def test_a_replay_that_succeeds_resolves_it(operator: Caller) -> None:
    body = json.dumps(received("p1")).encode()
    kept = RejectedEvent.objects.create(
        source=source(), body=body, body_hash=b"x", code="was_a_defect", detail="Since mended."
    )
    answer = operator.post(f"{REJECTED}{kept.pk}/replay/").json()
    assert (answer["status"], answer["resolution"]) == ("replayed", "accepted")
    assert operator.get("/api/v1/payments/", payment_id="p1").json()["results"]
    again = operator.post(f"{REJECTED}{kept.pk}/replay/")
    assert problem_of(again, 409) == "already_resolved"


def test_dismissing_needs_a_reason_and_keeps_it(operator: Caller, rejected: RejectedEvent) -> None:
    where = f"{REJECTED}{rejected.pk}/dismiss/"
    assert operator.post(where, {}).json()["errors"] == {"reason": ["This field is required."]}
    answer = operator.post(where, {"reason": "a test of theirs"}).json()
    assert answer["status"] == "dismissed"
    assert answer["resolution"].endswith("a test of theirs")
    assert answer["resolved_at"]
    assert problem_of(operator.post(where, {"reason": "again"}), 409) == "already_resolved"


@pytest.mark.parametrize("verb", ["replay", "dismiss"])
def test_only_operators_resolve(rejected: RejectedEvent, verb: str) -> None:
    where = f"{REJECTED}{rejected.pk}/{verb}/"
    assert problem_of(caller("support").post(where, {"reason": "x"}), 403) == "permission_denied"
    elsewhere = caller("operator", source=source("kiosk")).post(where, {"reason": "x"})
    assert problem_of(elsewhere, 404) == "not_found"


def test_registering_an_asset_prices_what_was_paid_in_it(viewer: Caller, operator: Caller) -> None:
    deliver(received("p1", amount="2", asset=COIN), settled("p1", fee="0"))
    payment = viewer.get("/api/v1/payments/").json()["results"][0]
    assert payment["amount_usd"] is None
    asset = {"network": "eip155:8453", "address": COIN, "symbol": "C", "decimals": 18}
    answer = operator.post("/api/v1/assets/", asset | {"usd_peg": "0.5"})
    assert answer.status_code == 201
    assert (answer.json()["usd_peg"], answer.json()["is_priced"]) == ("0.5", True)
    assert viewer.get("/api/v1/payments/").json()["results"][0]["amount_usd"] == "1.000000"

    changed = operator.send("PATCH", f"/api/v1/assets/{answer.json()['id']}/", {"usd_peg": "2"})
    assert (changed.json()["usd_peg"], changed.json()["symbol"]) == ("2", "C")
    assert viewer.get("/api/v1/payments/").json()["results"][0]["amount_usd"] == "4.000000"


def test_numbers_come_in_with_every_digit(operator: Caller) -> None:
    body = b'{"network": "eip155:8453", "address": "0x2", "usd_peg": 1.00000000000000000001}'
    answer = operator.post("/api/v1/assets/", body)
    assert answer.json()["usd_peg"] == "1.00000000000000000001"


@pytest.mark.parametrize(
    ("field", "value"),
    [("usd_peg", "0"), ("usd_peg", "-1"), ("usd_peg", "NaN"), ("decimals", 78), ("network", "x")],
)
def test_it_refuses_impossible_assets(operator: Caller, field: str, value: object) -> None:
    asset = {"network": "eip155:8453", "address": COIN, field: value}
    answer = operator.post("/api/v1/assets/", asset)
    assert problem_of(answer, 400) == "invalid"
    assert list(answer.json()["errors"]) == [field]


def test_registering_a_network(viewer: Caller, operator: Caller) -> None:
    deliver(received("p1", network="eip155:777001"))
    where = "/api/v1/networks/eip155:777001/"
    assert viewer.get(where).json()["is_registered"] is False
    changed = operator.send("PUT", where, {"name": "New Chain", "native_symbol": "NEW"})
    assert changed.status_code == 200
    shown = viewer.get(where).json()
    assert (shown["name"], shown["is_registered"]) == ("New Chain", True)

    assert operator.send("PATCH", where, {"is_testnet": True}).json()["is_testnet"] is True
    fresh = operator.send("PUT", "/api/v1/networks/eip155:777002/", {"name": "Newer"})
    assert (fresh.status_code, fresh.json()["chain_id"]) == (201, "eip155:777002")
    odd = operator.send("PUT", "/api/v1/networks/nonsense/", {"name": "x"})
    assert problem_of(odd, 400) == "invalid"
    gone = operator.send("PATCH", "/api/v1/networks/eip155:777003/", {"name": "x"})
    assert problem_of(gone, 404) == "not_found"


def test_a_native_price_prices_gas(viewer: Caller, operator: Caller) -> None:
    deliver(
        received("p1"),
        settled("p1", gasUsed="100000", effectiveGasPrice="1000000000"),
    )
    price = {"network": "eip155:8453", "usd": "2000", "valid_from": "2025-01-01T00:00:00Z"}
    assert operator.post("/api/v1/native-prices/", price).status_code == 201
    payment = viewer.get("/api/v1/payments/").json()["results"][0]
    # 100,000 gas at 1 gwei = 0.0001 ETH, at 2,000 USD = 0.20 USD
    assert (payment["gas_cost"], payment["gas_usd"]) == ("100000000000000", "0.200000")


def test_the_registry_is_for_operators_of_every_source() -> None:
    body = {"name": "x"}
    where = "/api/v1/networks/eip155:8453/"
    assert problem_of(caller("support").send("PATCH", where, body), 403)
    bound = caller("admin", source=source("shop"))
    assert problem_of(bound.send("PATCH", where, body), 403) == "permission_denied"
    assert bound.get(where).status_code == 200


def test_a_source_never_shows_its_secrets(admin: Caller) -> None:
    made = admin.post(
        SOURCES, {"slug": "shop", "kind": "paygate", "signing_secret": "s3cret", "admin_key": "k3y"}
    )
    assert made.status_code == 201
    assert (made.json()["has_signing_secret"], made.json()["has_admin_key"]) == (True, True)
    for answer in (made, admin.get(f"{SOURCES}shop/"), admin.get(SOURCES)):
        assert b"s3cret" not in answer.content
        assert b"k3y" not in answer.content
    assert Source.objects.get(slug="shop").signing_secret == "s3cret"


def test_a_new_signing_secret_keeps_the_old_one_valid(admin: Caller) -> None:
    admin.post(SOURCES, {"slug": "shop", "signing_secret": "one"})
    admin.send("PATCH", f"{SOURCES}shop/", {"signing_secret": "two"})
    assert Source.objects.get(slug="shop").signing_secrets() == ["two", "one"]
    admin.send("PATCH", f"{SOURCES}shop/", {"previous_signing_secret": ""})
    assert Source.objects.get(slug="shop").signing_secrets() == ["two"]


@pytest.mark.parametrize("slug", ["Shop", "", "a b", "-x", "x" * 65, "default"])
def test_it_refuses_bad_and_taken_slugs(admin: Caller, slug: str) -> None:
    source()
    answer = admin.post(SOURCES, {"slug": slug})
    assert problem_of(answer, 400) == "invalid"
    assert list(answer.json()["errors"]) == ["slug"]


def test_only_admins_make_sources() -> None:
    assert problem_of(caller("operator").post(SOURCES, {"slug": "x"}), 403) == "permission_denied"
    bound = caller("admin", source=source("shop"))
    assert problem_of(bound.post(SOURCES, {"slug": "x"}), 403) == "permission_denied"


def test_a_token_is_shown_once_and_works(admin: Caller) -> None:
    made = admin.post(
        TOKENS, {"name": "grafana", "role": "viewer", "allowed_networks": ["127.0.0.9/8"]}
    )
    assert made.status_code == 201
    assert "no-store" in made["Cache-Control"]
    secret, public_id = made.json()["token"], made.json()["public_id"]
    assert secret.startswith(f"pgt_{public_id}_")
    assert made.json()["allowed_networks"] == ["127.0.0.0/8"]
    assert Caller(secret).get("/api/v1/payments/").status_code == 200

    for answer in (admin.get(TOKENS), admin.get(f"{TOKENS}{public_id}/")):
        assert secret.encode() not in answer.content
        assert AdminToken.objects.get(public_id=public_id).digest.encode() not in answer.content

    assert admin.send("DELETE", f"{TOKENS}{public_id}/").status_code == 204
    assert problem_of(Caller(secret).get("/api/v1/payments/"), 401) == "invalid_token"
    assert admin.get(f"{TOKENS}{public_id}/").json()["revoked_at"]


@pytest.mark.parametrize(
    ("body", "name"),
    [
        ({"role": "viewer"}, "name"),
        ({"name": "x"}, "non_field_errors"),
        ({"name": "x", "role": "king"}, "role"),
        ({"name": "x", "role": "viewer", "allowed_networks": ["here"]}, "allowed_networks"),
        ({"name": "x", "role": "viewer", "source": "nobody"}, "source"),
    ],
)
def test_it_refuses_useless_tokens(admin: Caller, body: dict[str, object], name: str) -> None:
    answer = admin.post(TOKENS, body)
    assert problem_of(answer, 400) == "invalid"
    assert list(answer.json()["errors"]) == [name]


def test_an_admin_of_a_source_cannot_make_itself_one_of_all() -> None:
    shop, kiosk = source("shop"), source("kiosk")
    bound = caller("admin", source=shop)
    made = bound.post(TOKENS, {"name": "x", "role": "admin"})
    assert made.json()["source"] == "shop"
    for other in (kiosk.slug, None):
        answer = bound.post(TOKENS, {"name": "x", "role": "admin", "source": other})
        assert problem_of(answer, 403) == "foreign_source"


def test_tokens_are_for_admins() -> None:
    for role in ("viewer", "operator"):
        assert problem_of(caller(role).get(TOKENS), 403) == "permission_denied"
