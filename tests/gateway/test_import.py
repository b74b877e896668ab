"""Files of a gateway, by command and by upload."""

import gzip
import json
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from django.contrib.auth.models import Permission, User
from django.core.files.uploadedfile import SimpleUploadedFile
from django.core.management import CommandError, call_command
from django.test import Client

from billing.gateway import uploads
from billing.models import (
    ApiKey,
    GatewayAuditEvent,
    GatewayConfig,
    GatewayImport,
    KeyGroup,
    RejectedEvent,
    RequestLog,
    Source,
    ToolPrice,
    UsageEvent,
)
from tests.gateway.conftest import GOLDEN, gateway, recorded
from tests.gateway.small import call, key
from tests.gateway.story import dump

pytestmark = pytest.mark.django_db
GIVEN = (
    *("--backup", "backup.json", "--usage", "usage.json", "--requests", "requests.json"),
    *("--audit", "audit-1.json", "--audit", "audit-2.json", "--groups", "groups.json"),
    *("--config", "pricing.json", "--config", "info.json", "--config", "started.json"),
)
ALL = [word if word.startswith("--") else str(GOLDEN / word) for word in GIVEN]
IMPORTS = "/admin/billing/gatewayimport/"


def run(*arguments: str) -> tuple[str, str]:
    """What the command writes to standard output and standard error."""
    out, err = StringIO(), StringIO()
    call_command("import_paygate", *arguments, stdout=out, stderr=err)
    return out.getvalue(), err.getvalue()


def written(folder: Path, name: str, document: Any) -> str:
    """A file."""
    path = folder / name
    path.write_bytes(document if isinstance(document, bytes) else json.dumps(document).encode())
    return str(path)


def counts(slug: str) -> list[int]:
    """Keys, groups, calls, log and audit entries, prices of a source."""
    tables = (ApiKey, KeyGroup, UsageEvent, RequestLog, GatewayAuditEvent, ToolPrice)
    return [table.objects.filter(source__slug=slug).count() for table in tables]


def prices() -> dict[str, Any]:
    """Credits a call by tool."""
    return dict(ToolPrice.objects.values_list("tool", "credits_per_call"))


def lines(text: str) -> dict[str, str]:
    """The summary: what was said of each file."""
    found = [line.split(" (", 1) for line in text.splitlines()]
    return {Path(path).name: said.partition("): ")[2] for path, said in found}


# --- the command ------------------------------------------------------------------------------


def test_the_recorded_gateway_comes_in_and_again_changes_nothing() -> None:
    out, err = run("new-one", *ALL)
    assert counts("new-one") == [72, 4, 814, 814, 1646, 8]
    said = lines(out)
    assert said["backup.json"] == "76 read, 72 new, 0 rejected"
    assert said["usage.json"] == "814 read, 814 new, 0 rejected"
    assert said["audit-2.json"] == "646 read, 646 new, 0 rejected"
    assert "814 of 814" in err
    source = Source.objects.get(slug="new-one")
    assert source.kind == "paygate"
    before = dump(source)
    again = lines(run("new-one", *ALL)[0])
    assert {line.partition("read, ")[2] for line in again.values()} == {"0 new, 0 rejected"}
    assert dump(source) == before
    assert counts("new-one") == [72, 4, 814, 814, 1646, 8]


def test_settings_come_from_every_answer_that_has_them(tmp_path: Path) -> None:
    status = {
        "name": "gw",
        "config": {
            "defaultCreditsPerCall": 3,
            "globalRateLimitPerMin": 7,
            "toolPricing": {"a": {"creditsPerCall": 2}},
            "globalQuota": {"dailyCallLimit": 9},
        },
    }
    sla = {"uptime": {"startedAt": "2026-01-05T08:00:00.000Z", "uptimeSeconds": 1}}
    files = [written(tmp_path, "s.json", status), written(tmp_path, "u.json", sla)]
    run("gw", "--config", files[0], "--config", files[1])
    config = GatewayConfig.objects.get(source__slug="gw")
    assert (config.default_credits, config.rate_limit_per_min) == (3, 7)
    assert config.quota == {"dailyCallLimit": 9}
    assert config.started_at is not None
    assert config.started_at.isoformat() == "2026-01-05T08:00:00+00:00"
    assert prices() == {"a": 2}


def test_a_price_that_is_gone_from_the_list_goes(tmp_path: Path) -> None:
    first = written(tmp_path, "1.json", {"toolPricing": {"a": {"creditsPerCall": 1}, "b": 5}})
    then = written(tmp_path, "2.json", {"toolPricing": {"b": 5, "c": 0}})
    run("gw", "--config", first)
    assert lines(run("gw", "--config", then)[0])["2.json"] == "1 read, 2 new, 0 rejected"
    assert prices() == {"b": 5, "c": 0}


def test_a_changed_backup_is_refused_and_nothing_of_it_stored(tmp_path: Path) -> None:
    changed = recorded("backup.json").replace(b'"credits": 12005', b'"credits": 12006')
    assert changed != recorded("backup.json")
    with pytest.raises(CommandError, match="the checksum does not fit the data"):
        run("gw", "--backup", written(tmp_path, "b.json", changed))
    assert not Source.objects.filter(slug="gw").exists()


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"", "not JSON"),
        (b'{"events": [', "not JSON"),
        (b"[" * 200_000, "not JSON"),
        (b"\xff\xfe\x00", "not JSON"),
        (b"[]", "an object was expected"),
        (b'{"events": 3}', "events is not a list"),
        (b'{"requests": []}', "it has no events: it is a file of another kind"),
        (gzip.compress(b'{"events": []}')[:-6], "the gzip file is cut"),
        (b"\x1f\x8bnonsense", "not gzip"),
    ],
    ids=range(9),
)
def test_a_bad_file_is_named_with_its_fault(tmp_path: Path, content: bytes, reason: str) -> None:
    path = written(tmp_path, "u.json", content)
    with pytest.raises(CommandError) as caught:
        run("gw", "--usage", path)
    assert str(caught.value).startswith(f"{path} (usage): {reason}")


def test_a_file_that_is_not_there_a_bad_slug_and_another_kind_of_source(tmp_path: Path) -> None:
    with pytest.raises(CommandError, match="it cannot be read: No such file"):
        run("gw", "--usage", str(tmp_path / "none"))
    with pytest.raises(CommandError, match="is no name for a source"):
        run("A b", "--usage", "x")
    with pytest.raises(CommandError, match="default is an x402 facilitator, not a gateway"):
        run("default", "--usage", "x")
    with pytest.raises(CommandError, match="name a file"):
        run("gw")


HOSTILE = {
    "count": 6,
    "events": [call(), {**call(), "tool": "\ud800"}, 7, {**call(), "tool": "a\0b"}],
}


def test_hostile_records_are_set_aside_and_the_others_kept(tmp_path: Path) -> None:
    deep: Any = "x"
    for _ in range(50):
        deep = [deep]
    events = [
        *HOSTILE["events"],
        {**call(), "tool": "<img src=x>"},
        {**call(), "tool": "__proto__"},
    ]  # type: ignore[misc]
    events += [{**call(), "tool": "x" * 1_000_000}, {**call(), "tool": deep}]
    path = written(tmp_path, "u.json", {"events": events})
    out, _ = run("gw", "--usage", path)
    assert "8 read, 3 new, 5 rejected" in out
    assert "  rejected: item 1: tool has NUL or a lone surrogate" in out
    tools = set(UsageEvent.objects.values_list("tool", flat=True))
    assert tools == {"search", "<img src=x>", "__proto__"}
    assert RejectedEvent.objects.filter(source__slug="gw").count() == 5


def test_a_checksum_holds_for_a_backup_with_a_lone_surrogate(tmp_path: Path) -> None:
    from hashlib import sha256

    data = json.dumps({"keys": [key(1), key(2, "\ud800")]}, separators=(",", ":"))
    document = (
        f'{{"timestamp": "2026-02-16T12:00:00.000Z", "data": {data},'
        f' "checksum": "{sha256(data.encode()).hexdigest()}"}}'
    )
    out, _ = run("gw", "--backup", written(tmp_path, "b.json", document.encode()))
    assert "2 read, 1 new, 1 rejected" in out


def test_a_gzipped_file_is_read(tmp_path: Path) -> None:
    path = written(tmp_path, "usage.json.gz", gzip.compress(recorded("usage.json")))
    assert "814 read, 814 new" in run("gw", "--usage", path)[0]


def test_a_list_of_keys_is_as_of_the_time_it_says_or_is_told(tmp_path: Path) -> None:
    said = {"exportedAt": "2026-02-10T00:00:00.000Z", "keys": [key(1)]}
    untold = {"keys": [key(2)]}
    files = [written(tmp_path, "1.json", said), written(tmp_path, "2.json", untold)]
    run("gw", "--keys", files[0], "--keys", files[1], "--at", "2026-02-11")
    moments = ApiKey.objects.order_by("name").values_list("snapshot_at", flat=True)
    assert [f"{moment:%m-%d}" for moment in moments if moment] == ["02-10", "02-11"]


# --- uploads ----------------------------------------------------------------------------------


@pytest.fixture
def staff(client: Client) -> Client:
    """A superuser's browser."""
    client.force_login(User.objects.create_superuser("root", "root@example.org", "secret"))
    return client


def upload(browser: Client, source: Source, kind: str, body: bytes) -> Any:
    """Send the form."""
    file = SimpleUploadedFile("export.json", body, "application/json")
    form = {"source": source.pk, "kind": kind, "file": file, "as_of": ""}
    return browser.post(f"{IMPORTS}add/", form)


def test_an_upload_is_stored_by_the_task_and_shown_with_its_progress(staff: Client) -> None:
    source = gateway("gw")
    assert upload(staff, source, "backup", recorded("backup.json")).status_code == 302
    row = GatewayImport.objects.get()
    assert (row.status, row.total, row.done, row.actor) == ("queued", 76, 0, "root")
    assert "0 of 76 (0 %)" in staff.get(IMPORTS).content.decode()
    assert uploads.store_open_uploads() == 76
    row.refresh_from_db()
    assert (row.status, row.done, row.new, row.records) == ("done", 76, 76, None)
    assert ApiKey.objects.count() == 72
    page = staff.get(f"{IMPORTS}{row.pk}/change/").content.decode()
    assert "76 of 76 (100 %)" in page
    assert uploads.store_upload(row.pk) == 0


def test_an_upload_ends_in_the_same_records_as_the_command(staff: Client) -> None:
    by_upload, by_command = gateway("up"), gateway("down")
    for kind, name in (("backup", "backup.json"), ("usage", "usage.json"), ("config", "info.json")):
        upload(staff, by_upload, kind, recorded(name))
        run("down", f"--{kind}", str(GOLDEN / name))
    uploads.store_open_uploads()
    assert dump(by_upload) == dump(by_command)
    limits = GatewayConfig.objects.values_list("server_version", "rate_limit_per_min")
    assert list(limits) == [("10.24.0", 30)] * 2


def test_nothing_kept_of_an_upload_holds_a_secret(staff: Client) -> None:
    upload(staff, gateway("gw"), "backup", recorded("backup.json"))
    kept = bytes(GatewayImport.objects.get().records or b"")
    secrets = [k["key"] for k in json.loads(recorded("backup.json"))["data"]["keys"]]
    assert kept
    assert len(secrets) == 72
    assert not [secret for secret in secrets if secret.encode() in kept]


def test_a_task_that_stops_goes_on_where_it_was_and_twice_is_once(
    staff: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("billing.gateway.batches.CHUNK", 100)
    source = gateway("gw")
    upload(staff, source, "usage", recorded("usage.json"))
    row = GatewayImport.objects.get()
    assert uploads.store_upload(row.pk, limit_seconds=-1) == 100
    row.refresh_from_db()
    assert (row.status, row.done) == ("running", 100)
    assert uploads.store_upload(row.pk) == 714
    assert uploads.store_upload(row.pk) == 0
    row.refresh_from_db()
    assert (row.status, row.done, row.new) == ("done", 814, 814)
    assert UsageEvent.objects.filter(source=source).count() == 814


def test_a_wrong_file_is_refused_in_the_form(staff: Client) -> None:
    answer = upload(staff, gateway("gw"), "usage", recorded("requests.json"))
    assert answer.status_code == 200
    assert "it has no events: it is a file of another kind" in answer.content.decode()
    assert not GatewayImport.objects.exists()


def test_only_who_may_add_imports_uploads(client: Client) -> None:
    user = User.objects.create_user("viewer", "v@example.org", "secret", is_staff=True)
    user.user_permissions.set(Permission.objects.filter(codename__startswith="view_"))
    client.force_login(user)
    assert upload(client, gateway("gw"), "usage", recorded("usage.json")).status_code == 403
    assert client.get(IMPORTS).status_code == 200


def test_limits_and_prices_are_rows_that_staff_edit(staff: Client) -> None:
    source = gateway("gw")
    form = {"source": source.pk, "rate_limit_per_min": "5", "quota": '{"dailyCallLimit": 3}'}
    more = {"server_version": "", "default_credits": "2", "started_at_0": "", "started_at_1": ""}
    assert staff.post("/admin/billing/gatewayconfig/add/", form | more).status_code == 302
    config = GatewayConfig.objects.get()
    assert (config.rate_limit_per_min, config.default_credits) == (5, 2)
    wrong = form | more | {"quota": '{"dailyCallLimit": "many"}'}
    page = staff.post(f"/admin/billing/gatewayconfig/{source.pk}/change/", wrong)
    assert "Not a quota: dailyCallLimit is not a whole number" in page.content.decode()
    price = {"source": source.pk, "tool": "search", "credits_per_call": "1.5"}
    assert staff.post("/admin/billing/toolprice/add/", price).status_code == 302
    assert ToolPrice.objects.get().credits_per_call == 1.5
