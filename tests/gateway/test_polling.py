"""Polling a gateway that lives through the recorded days, is restarted and forgets."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.conf import LazySettings
from django.contrib.auth.models import User
from django.db import connection
from django.test import Client

from billing.gateway import poll
from billing.gateway.connect import Forbidden, resolved
from billing.models import (
    ApiKey,
    GatewayConfig,
    KeyGroup,
    PollGap,
    PollState,
    Source,
    ToolPrice,
    UsageEvent,
)
from tests.gateway import gateway_standin
from tests.gateway.conftest import NOW, gateway, import_golden, recorded
from tests.gateway.gateway_standin import ADMIN, VIEWER, StandIn, iso, keys_at, running

pytestmark = pytest.mark.django_db
JANUARY = datetime(2026, 1, 20, 12, tzinfo=UTC)
FEBRUARY = datetime(2026, 2, 1, 12, tzinfo=UTC)


def polled(standin: StandIn, slug: str = "gw", admin_key: str = ADMIN) -> Source:
    """A source that polls it."""
    source = gateway(slug)
    source.base_url, source.admin_key = standin.url, admin_key
    source.save()
    return source


def poll_at(standin: StandIn, source: Source, moment: datetime) -> None:
    """A poll at a moment of the gateway's clock."""
    standin.now = moment
    assert poll.poll(source.pk)


def rows(source: Source, statement: str) -> list[Any]:
    """What the portal has of a source."""
    with connection.cursor() as cursor:
        cursor.execute(statement, [source.pk])
        return list(cursor.fetchall())


# All that is known of a gateway but for what differs by way: numbers of the logs, times of
# snapshots, the identity of rows.
FACTS = {
    "usage": """
        select u.at, u.key_prefix, u.key_name, u.tool, u.credits, u.allowed, u.deny_reason,
            u.namespace, u.ordinal, u.rank, k.mask
        from billing_usageevent u left join billing_apikey k on k.id = u.key_id
        where u.source_id = %s order by u.rank, u.content_hash, u.ordinal""",
    "requests": """
        select at, tool, key_mask, allowed, credits, duration_ms, deny_reason, request_id
        from billing_requestlog where source_id = %s order by request_id""",
    "audit": """
        select at, type, actor, message, metadata
        from billing_gatewayauditevent where source_id = %s order by at, type, message, metadata""",
    "keys": """
        select (to_jsonb(k) - '{id,source_id,snapshot_at}'::text[])::text
        from billing_apikey k where source_id = %s order by mask""",
    "groups": """
        select (to_jsonb(g) - '{id,source_id,seen_at}'::text[])::text
        from billing_keygroup g where source_id = %s order by group_id""",
}


def facts(source: Source) -> dict[str, list[Any]]:
    """Everything, by kind."""
    return {name: rows(source, statement) for name, statement in FACTS.items()}


def gaps(source: Source) -> list[tuple[str, int | None]]:
    """Resource and number of records of each gap."""
    found = PollGap.objects.filter(source=source).order_by("resource", "id")
    return list(found.values_list("resource", "missing"))


def errors(source: Source) -> dict[str, str]:
    """What went wrong, by resource."""
    return dict(PollState.objects.filter(source=source).values_list("resource", "error"))


def test_the_stand_in_ends_where_the_recorded_gateway_did() -> None:
    names = ("key", "credits", "totalSpent", "totalCalls", "lastUsedAt", "active")
    end = gateway_standin.backup_at_end()["keys"]
    assert [[key[name] for name in names] for key in keys_at(iso(NOW))] == [
        [key[name] for name in names] for key in end
    ]


def test_polling_with_a_restart_in_the_middle_loses_nothing_and_doubles_nothing() -> None:
    recording = gateway("recorded")
    import_golden(recording, recorded)
    with running(datetime(2026, 1, 6, tzinfo=UTC)) as standin:
        source = polled(standin)
        moment = standin.now
        while moment < FEBRUARY:
            moment += timedelta(days=3, hours=5)
            poll_at(standin, source, moment)
            poll_at(standin, source, moment)
        standin.stop()
        poll_at(standin, source, moment)
        assert "no answer" in errors(source)["settings"]
        standin.restart(moment)
        while moment < NOW:
            moment = min(moment + timedelta(days=2, hours=7), NOW)
            poll_at(standin, source, moment)
    assert not any(errors(source).values())
    mine, theirs = facts(source), facts(recording)
    assert [len(found) for found in mine.values()] == [814, 814, 1646, 72, 4]
    for name in FACTS:
        assert mine[name] == theirs[name], name
    config = GatewayConfig.objects.get(source=source)
    assert (config.rate_limit_per_min, config.default_credits, config.quota) == (30, 1, None)
    assert config.started_at == standin.began
    assert ToolPrice.objects.filter(source=source).count() == 8
    # A restart may have lost what came after the last poll: that is said, not guessed.
    assert gaps(source) == [("audit", None), ("requests", None), ("usage", None)]


def test_what_rings_dropped_between_two_polls_is_a_gap_with_its_size() -> None:
    with running(JANUARY, log_cap=50, audit_cap=40, usage_cap=100) as standin:
        source = polled(standin)
        poll_at(standin, source, JANUARY)
        seen = {name: len(found) for name, found in facts(source).items()}
        assert (seen["requests"], seen["audit"]) == (50, 40)
        begun = len(standin.logged(gateway_standin.history("requests.json", "requests"), 10**6))
        begun_audit = len(standin.logged(gateway_standin.audit_history(), 10**6))
        assert gaps(source) == [("audit", begun_audit - 40), ("requests", begun - 50)]
        poll_at(standin, source, FEBRUARY)
        ended = len(standin.logged(gateway_standin.history("requests.json", "requests"), 10**6))
        ended_audit = len(standin.logged(gateway_standin.audit_history(), 10**6))
        lost, lost_audit = ended - 50 - begun, ended_audit - 40 - begun_audit
        assert lost > 0
        assert gaps(source) == [
            ("audit", begun_audit - 40),
            ("audit", lost_audit),
            ("requests", begun - 50),
            ("requests", lost),
            ("usage", None),
        ]
        poll_at(standin, source, FEBRUARY)
        assert len(gaps(source)) == 5
    gap = PollGap.objects.get(source=source, resource="requests", missing=lost)
    assert gap.after is not None
    assert gap.before is not None
    assert gap.after <= JANUARY < gap.before <= FEBRUARY
    assert gap.reason == "The gateway had dropped these before they were read."


def test_what_came_another_way_is_no_gap() -> None:
    source = gateway("gw")
    import_golden(source, recorded)
    with running(NOW, log_cap=50) as standin:
        source.base_url, source.admin_key = standin.url, ADMIN
        source.save()
        poll_at(standin, source, NOW)
    assert gaps(source) == []


def test_a_restart_that_wrote_past_the_old_numbers_is_noticed() -> None:
    early, late = datetime(2026, 1, 6, tzinfo=UTC), datetime(2026, 1, 7, tzinfo=UTC)
    with running(early) as standin:
        source = polled(standin)
        poll_at(standin, source, early)
        standin.restart(late)
        standin.log_cap = 30
        poll_at(standin, source, FEBRUARY)
        written = len(standin.logged(gateway_standin.history("requests.json", "requests"), 10**6))
    # 30 of them were left; of those before the restart nothing is known.
    assert ("requests", written - 30) in gaps(source)
    reason = PollGap.objects.get(source=source, resource="requests").reason
    assert reason.startswith("The gateway restarted.")


def test_a_viewers_key_gives_all_but_places_and_learns_masks_from_the_audit_log() -> None:
    with running(NOW) as standin:
        source = polled(standin, admin_key=VIEWER)
        poll_at(standin, source, NOW)
        asked = standin.asked.count("/admin/backup")
        poll_at(standin, source, NOW)
        assert (asked, standin.asked.count("/admin/backup")) == (1, 1)
    assert not any(errors(source).values())
    keys = {k.prefix: k for k in ApiKey.objects.filter(source=source)}
    expected = {key["key"][:10]: key for key in keys_at(iso(NOW))}
    assert keys.keys() == expected.keys()
    for prefix, key in expected.items():
        mine = keys[prefix]
        assert (mine.credits, mine.total_spent, mine.total_calls, mine.position, mine.digest) == (
            *(key["credits"], key["totalSpent"], key["totalCalls"]),
            *(None, None),
        )
    masks = [gateway_standin.mask(key["key"]) for key in expected.values()]
    alike = {key["key"][:7] + key["name"] for key in expected.values()}
    assert len(alike) == 72
    assert sorted(key.mask for key in keys.values()) == sorted(masks)
    assert KeyGroup.objects.filter(source=source).count() == 4


def test_a_gateway_that_asks_for_a_pause_gets_one_and_keeps_its_place() -> None:
    with running(NOW, most_requests=4) as standin:
        source = polled(standin)
        poll_at(standin, source, NOW)
        assert UsageEvent.objects.filter(source=source).count() == 814
        assert "the gateway asks for a pause of 17 s" in errors(source)["gateway"]
        assert len(standin.asked) == 5
        assert not poll.poll(source.pk)
        assert len(standin.asked) == 5
        standin.most_requests = 100
        assert poll.poll(source.pk, is_asked=True)
    assert not any(errors(source).values())
    assert ApiKey.objects.filter(source=source).count() == 72


def test_a_wrong_admin_key_is_tried_once_and_then_left_until_another_is_set() -> None:
    with running(NOW) as standin:
        source = polled(standin, admin_key="FAKE-wrong-key")
        poll_at(standin, source, NOW)
        assert errors(source)["usage"] == "Invalid admin key (HTTP 401)"
        tried = len(standin.asked)
        assert not poll.poll(source.pk)
        assert len(standin.asked) == tried
        source.admin_key = VIEWER
        source.save()
        assert poll.poll(source.pk)
    assert not any(errors(source).values())


def test_one_poll_at_a_time() -> None:
    with running(NOW) as standin:
        source = polled(standin)
        assert poll._taken(source, "x", is_asked=False)
        assert not poll.poll(source.pk)
        assert standin.asked == []


def test_only_gateways_with_an_address_and_a_key_are_polled() -> None:
    source, _bare = gateway("full"), gateway("bare")
    half = gateway("half")
    half.base_url = "http://127.0.0.1:1"
    half.save()
    source.base_url, source.admin_key = "http://127.0.0.1:1", "k"
    source.save()
    assert poll.polled_sources() == [source.pk]
    assert not poll.poll(half.pk)


def test_many_keys_are_read_over_several_polls(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("billing.gateway.poll_keys.PAGE", 10)
    monkeypatch.setattr("billing.gateway.line.Line.__init__.__defaults__", (12,))
    with running(NOW) as standin:
        source = polled(standin, admin_key=VIEWER)
        poll_at(standin, source, NOW)
        part = ApiKey.objects.filter(source=source).count()
        poll_at(standin, source, NOW)
    assert (part, ApiKey.objects.filter(source=source).count()) == (40, 72)


def test_settings_that_cannot_be_understood_keep_nothing_else_back(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    with running(NOW) as standin:
        source = polled(standin)
        monkeypatch.setitem(gateway_standin._PUBLIC, "/info", {"version": 7})
        poll_at(standin, source, NOW)
        config = GatewayConfig.objects.get(source=source)
        assert config.started_at == standin.began
    said = errors(source)
    assert said.pop("settings") == "version is not a string"
    assert not any(said.values())
    assert UsageEvent.objects.filter(source=source).count() == 814


def test_logs_that_strangers_made_huge_are_read_in_smaller_pages(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    # 814 entries have 190 kB, one page of 1,000 audit entries 280 kB.
    monkeypatch.setattr("billing.gateway.line.MOST_BYTES", 70_000)
    with running(NOW) as standin:
        source = polled(standin)
        poll_at(standin, source, NOW)
        assert standin.asked.count("/requests/export") == 1 + 9
    assert len(rows(source, FACTS["requests"])) == 814
    assert len(rows(source, FACTS["audit"])) == 1646
    # The meter has no pages: its newest minutes are all that can be had, and that is said.
    assert gaps(source) == [("usage", None)]
    assert "too much to be read" in PollGap.objects.get(source=source).reason


# --- in the admin -----------------------------------------------------------------------------


def test_staff_see_how_polling_goes_what_is_missing_and_poll_at_once(client: Client) -> None:
    client.force_login(User.objects.create_superuser("root", "root@example.org", "secret"))
    with running(NOW, log_cap=50) as standin:
        source = polled(standin)
        GatewayConfig.objects.create(source=source)
        page = f"/admin/billing/gatewayconfig/{source.pk}/poll/"
        assert "Poll now" in client.get(page).content.decode()
        assert client.post(page).status_code == 302
    assert UsageEvent.objects.filter(source=source).count() == 814
    states = client.get("/admin/billing/pollstate/").content.decode()
    assert all(name in states for name in poll.STEPS)
    missing = client.get("/admin/billing/pollgap/").content.decode()
    assert "requests" in missing
    assert "764" in missing
    assert ADMIN not in states + missing


# --- where it connects ------------------------------------------------------------------------


@pytest.mark.parametrize(
    "host",
    [
        *("169.254.169.254", "fe80::1", "fd00:ec2::254", "::ffff:169.254.169.254", "0.0.0.0"),  # noqa: S104
        *("100.100.100.200", "64:ff9b::a9fe:a9fe", "2002:a9fe:a9fe::1", "224.0.0.1", "::"),
    ],
)
def test_a_metadata_or_link_local_address_is_never_asked(host: str) -> None:
    with pytest.raises(Forbidden, match="is no address of a gateway"):
        resolved(host, 80)


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "10.1.2.3", "::1", "fd12::1"])
def test_private_addresses_are_asked_unless_the_installation_forbids_it(
    settings: LazySettings, host: str
) -> None:
    assert resolved(host, 80)
    settings.PAYGATE_GATEWAY_ALLOW_PRIVATE = False
    with pytest.raises(Forbidden, match="is private"):
        resolved(host, 80)


def test_a_redirect_is_not_followed_and_a_bad_address_is_said(settings: LazySettings) -> None:
    with running(NOW) as standin:
        source = polled(standin)
        source.base_url = f"{standin.url}/nowhere"
        source.save()
        assert poll.poll(source.pk)
        assert errors(source)["usage"] == "Not found (HTTP 404)"
        source.base_url = f"{standin.url}/moved"
        source.save()
        assert poll.poll(source.pk)
        assert errors(source)["usage"] == "it sends elsewhere, which is not followed (HTTP 302)"
        assert "/usage" not in standin.asked
    settings.PAYGATE_GATEWAY_ALLOW_PRIVATE = False
    assert poll.poll(source.pk)
    assert "127.0.0.1 is private" in errors(source)["gateway"]
    assert "FAKE" not in str(errors(source))
