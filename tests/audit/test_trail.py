"""Every change that people make leaves who, what, why, and nobody can rewrite it unnoticed."""

import json
from io import StringIO
from typing import Any

import pytest
from django.contrib.auth.models import Group, User
from django.core.management import CommandError, call_command
from django.db import DatabaseError, connection, transaction
from django.test import Client
from django_otp.plugins.otp_totp.models import TOTPDevice

from audit.models import AuditEntry
from audit.trail import acting
from billing.models import AdminToken, Network, RejectedEvent, Source
from billing.tokens import find, touch
from tests.api.callers import Caller, token_of
from tests.builders import paid, send

pytestmark = pytest.mark.django_db
HIDDEN = "(hidden)"


def written() -> list[AuditEntry]:
    """All entries so far, oldest first, as if the transaction were committed now."""
    sql("set constraints all immediate")
    sql("set constraints all deferred")
    return list(AuditEntry.objects.order_by("pk"))


def last() -> AuditEntry:
    return written()[-1]


def sql(statement: str, *values: Any) -> None:
    with connection.cursor() as cursor:
        cursor.execute(statement, values)


def verify(*arguments: str) -> str:
    out = StringIO()
    call_command("audit", "verify", *arguments, stdout=out)
    return out.getvalue()


def signed_in(name: str = "ann") -> Client:
    client = Client()
    client.force_login(User.objects.create_superuser(name))
    return client


def test_a_change_in_the_admin_says_who_and_what() -> None:
    client = signed_in()
    network = Network.objects.get(chain_id="eip155:8453")
    page = f"/admin/billing/network/{network.pk.replace(':', '_3A')}/change/"
    form = client.get(page).context["adminform"].form
    fields = {name: form.initial.get(name) for name in form.fields}
    data = {name: value for name, value in fields.items() if value not in (None, False)}
    answer = client.post(page, data | {"name": "Base, renamed"})
    assert answer.status_code == 302
    entry = last()
    assert (entry.actor, entry.action) == ("user:ann", "update")
    assert entry.object_type == "billing_network"
    assert entry.before == {"name": "Base"}
    assert entry.after == {"name": "Base, renamed"}
    assert entry.request_id == answer["X-Request-Id"]


def test_a_change_over_the_api_names_the_token() -> None:
    secret = token_of("admin")
    token = AdminToken.objects.get()
    answer = Client().post(
        "/api/v1/sources/",
        json.dumps({"slug": "shop", "kind": "facilitator", "signing_secret": "s" * 40}),
        content_type="application/json",
        headers={"authorization": f"Bearer {secret}"},
    )
    assert answer.status_code == 201, answer.content
    entry = last()
    assert (entry.actor, entry.action) == (f"token:{token.public_id}", "insert")
    assert entry.after is not None
    assert entry.after["slug"] == "shop"
    assert entry.after["signing_secret"] == HIDDEN
    assert entry.after["admin_key"] == ""
    assert b"s" * 40 not in json.dumps(entry.after).encode()


def test_secrets_are_hidden_and_what_machines_keep_is_no_change() -> None:
    secret = token_of("viewer")
    token = AdminToken.objects.get()
    assert [e.after and e.after["digest"] for e in written()] == [HIDDEN]
    touch(token, secret.encode())
    AdminToken.objects.update(last_used_at="2026-01-01T00:00Z")
    assert find(secret.encode()) is not None
    assert len(written()) == 1
    user = User.objects.create_user("bob", password="one")
    user.set_password("two")
    user.save()
    assert last().before == {"password": HIDDEN}
    assert last().after == {"password": HIDDEN}


def test_a_second_factor_is_followed_but_not_its_use() -> None:
    bob = User.objects.create_user("bob")
    before = len(written())
    app = TOTPDevice.objects.create(user=bob, name="app", key="sealed")
    TOTPDevice.objects.filter(pk=app.pk).update(last_t=7, key="sealed anew")
    assert [e.object_type for e in written()[before:]] == ["otp_totp_totpdevice"]
    assert "sealed" not in json.dumps(last().after)
    app.delete()
    assert (last().action, last().object_type) == ("delete", "otp_totp_totpdevice")


def test_rights_of_staff_are_followed() -> None:
    with acting("user:root", "asked for by mail"):
        bob = User.objects.create_user("bob")
        bob.groups.add(Group.objects.create(name="night shift"))
    kinds = [(e.object_type, e.action, e.actor, e.reason) for e in written()]
    assert kinds == [
        (table, "insert", "user:root", "asked for by mail")
        for table in ("auth_user", "auth_group", "auth_user_groups")
    ]
    bob.delete()
    assert last().object_type == "auth_user"
    assert last().action == "delete"
    assert (last().before or {})["username"] == "bob"


def test_a_reason_goes_with_what_it_is_for() -> None:
    source = Source.objects.get(slug="default")
    rejected = RejectedEvent.objects.create(
        source=source, body=b"{", body_hash=b"1", code="bad_json", detail="x"
    )
    before = len(written())
    page = f"/admin/billing/rejectedevent/{rejected.pk}/dismiss/"
    client = signed_in()
    client.post(page, {"reason": "a test of theirs"}, follow=True)
    entries = [e for e in written()[before:] if e.object_type == "billing_rejectedevent"]
    assert [(e.actor, e.reason) for e in entries] == [("user:ann", "a test of theirs")]
    assert entries[0].after is not None
    assert entries[0].after["status"] == "dismissed"


def test_a_change_by_sql_names_the_role() -> None:
    sql("do $$ begin update billing_source set name = 'x' where slug = 'default'; end $$")
    assert last().actor.startswith("database:")
    assert last().after == {"name": "x"}


def test_what_somebody_known_was_not_let_do_is_recorded(viewer: Caller) -> None:
    before = len(written())
    answer = viewer.post("/api/v1/sources/", {"slug": "shop"})
    assert answer.status_code == 403
    entry = last()
    assert len(written()) == before + 1
    assert (entry.action, entry.object_type) == ("refused", "POST")
    assert entry.object_id == "/api/v1/sources/"
    assert entry.actor.startswith("token:")


def test_strangers_leave_no_entry() -> None:
    before = len(written())
    assert Client().post("/api/v1/sources/", {}).status_code == 401
    assert len(written()) == before


def test_events_and_reads_leave_no_entry(admin: Caller) -> None:
    before = len(written())
    send(paid("x", "2026-01-01T10:00:00Z", network="eip155:424242", asset="0x" + "9" * 40))
    assert Network.objects.filter(pk="eip155:424242").exists()
    assert admin.get("/api/v1/sources/").status_code == 200
    sql("select 1")
    assert len(written()) == before


def test_a_change_that_is_rolled_back_leaves_no_entry() -> None:
    before = len(written())
    with transaction.atomic():
        Source.objects.create(slug="gone", kind="facilitator")
        transaction.set_rollback(True)
    assert len(written()) == before


@pytest.mark.parametrize(
    "statement",
    [
        "update audit_auditentry set actor = 'user:eve'",
        "delete from audit_auditentry",
        "truncate audit_auditentry",
    ],
)
def test_the_trail_is_append_only(statement: str) -> None:
    Source.objects.create(slug="shop", kind="facilitator")
    written()
    with pytest.raises(DatabaseError, match="append-only"), transaction.atomic():
        sql(statement)


def three() -> list[AuditEntry]:
    for slug in ("one", "two", "three"):
        Source.objects.create(slug=slug, kind="facilitator")
    return written()[-3:]


def tamper(statement: str, *values: Any) -> None:
    """As somebody would who owns the database."""
    sql("alter table audit_auditentry disable trigger user")
    sql(statement, *values)
    sql("alter table audit_auditentry enable trigger user")


def test_an_unbroken_trail_is_verified_and_its_end_can_be_kept() -> None:
    newest = three()[-1]
    said = verify()
    note = f"{newest.pk}:{bytes(newest.hash).hex()}"
    assert f"{newest.pk} entries, unbroken." in said
    assert note in said
    assert "unbroken" in verify("--expect", note)


@pytest.mark.parametrize(
    ("statement", "what"),
    [
        ("update audit_auditentry set actor = 'user:eve' where id = %s", "it was changed"),
        ("update audit_auditentry set at = at + interval '1 s' where id = %s", "it was changed"),
        ("update audit_auditentry set after = null where id = %s", "it was changed"),
        ("delete from audit_auditentry where id = %s", "entries are missing before it"),
    ],
)
def test_tampering_is_found(statement: str, what: str) -> None:
    tamper(statement, three()[1].pk)
    with pytest.raises(CommandError, match=what):
        verify()


def test_a_trail_that_was_cut_or_written_anew_is_found_by_what_was_kept() -> None:
    newest = three()[-1]
    note = f"{newest.pk}:{bytes(newest.hash).hex()}"
    tamper("delete from audit_auditentry where id = %s", newest.pk)
    assert "unbroken" in verify()
    with pytest.raises(CommandError, match="not the hash that was noted"):
        verify("--expect", note)
    Source.objects.create(slug="four", kind="facilitator")
    written()
    with pytest.raises(CommandError, match="not the hash that was noted"):
        verify("--expect", note)


def test_it_is_exported_as_json_lines() -> None:
    made = three()
    out = StringIO()
    call_command("audit", "export", "--since", str(made[0].pk), stdout=out)
    lines = [json.loads(line) for line in out.getvalue().splitlines()]
    assert [line["id"] for line in lines] == [made[1].pk, made[2].pk]
    assert lines[1]["previous"] == lines[0]["hash"]
    assert lines[0]["after"]["slug"] == "two"


def test_the_api_is_for_admins_of_every_source(admin: Caller, operator: Caller) -> None:
    three()
    shown = admin.get("/api/v1/audit/?object_type=billing_source&action=insert")
    assert [row["after"]["slug"] for row in shown.json()["results"]] == ["three", "two", "one"]
    assert operator.get("/api/v1/audit/").status_code == 403
    limited = Caller(token_of("admin", source=Source.objects.get(slug="default")))
    assert limited.get("/api/v1/audit/").status_code == 403


def test_the_admin_shows_it_and_offers_no_change() -> None:
    entry = three()[1]
    client = signed_in()
    listed = client.get("/admin/audit/auditentry/", {"q": f"billing_source {entry.object_id}"})
    assert listed.status_code == 200
    assert listed.context["cl"].result_list[0].pk == entry.pk
    page = client.get(f"/admin/audit/auditentry/{entry.pk}/change/")
    assert page.status_code == 200
    assert b"two" in page.content
    assert bytes(entry.hash).hex().encode() in page.content
    assert client.post(f"/admin/audit/auditentry/{entry.pk}/change/", {}).status_code == 403
    assert client.get("/admin/audit/auditentry/add/").status_code == 403


def test_hostile_names_are_shown_as_text() -> None:
    Source.objects.create(slug="shop", kind="facilitator", name="<img src=x onerror=alert(1)>")
    entry = last()
    page = signed_in().get(f"/admin/audit/auditentry/{entry.pk}/change/")
    assert b"<img src=x" not in page.content
    assert b"&lt;img src=x" in page.content
