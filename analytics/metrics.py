"""/metrics: what the database says, in Prometheus' text format 0.0.4.

Written by hand because the client library would rename `..._usd` to `..._usd_total`. The values
come from the rollups, so they survive restarts and agree with every process. A late correction
may lower a figure, which Prometheus would read as a restart: counters are therefore held at the
highest value ever shown, one row per series in analytics_metriccounter.
"""

from collections.abc import Iterator
from decimal import Decimal

from django.conf import settings
from django.db import connection
from django.http import HttpRequest, HttpResponse
from django.views.decorators.http import require_safe
from django_prometheus.exports import (  # type: ignore[import-untyped]  # ships no types
    ExportToDjangoView,
)
from rest_framework.exceptions import AuthenticationFailed, PermissionDenied

from analytics import gateway_metrics
from analytics.exposition import Family, exposition, label, shown
from billing.api.authentication import presented_secret, token_for
from billing.api.fields import exact_text
from billing.api.problems import problem
from billing.models.tokens import Role
from billing.tokens import in_networks

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"
SETTLEMENT_MS = (100, 500, 1000, 2000, 5000, 10000, 30000, 60000)
GAS = (21000, 50000, 100000, 200000, 500000, 1000000)

OWN = (
    Family("facilitator_payments_total", "counter", "Payments by outcome."),
    Family("facilitator_volume_usd", "counter", "Settled volume in USD; no testnets."),
    Family("facilitator_fees_usd", "counter", "Facilitator fees in USD; no testnets."),
    Family("facilitator_settlement_duration_seconds", "histogram", "Time to settlement."),
    Family("facilitator_gas_used", "histogram", "Gas used per payment."),
    Family("facilitator_pending_payments", "gauge", "Payments received, verified or pending."),
    Family("facilitator_active_websocket_clients", "gauge", "Open live connections."),
    Family("paygate_ingest_events_total", "counter", "Events posted, by outcome."),
    Family("paygate_rejected_open", "gauge", "Rejected events nobody has resolved."),
    Family("paygate_stale_marks", "gauge", "Marks of buckets waiting to be rolled up."),
    Family("paygate_stale_mark_age_seconds", "gauge", "Age of the oldest stale mark."),
    Family("paygate_verify_mismatches_total", "counter", "Buckets verify found wrong."),
)
FAMILIES = OWN + gateway_metrics.FAMILIES
USD = ["facilitator_volume_usd", "facilitator_fees_usd"]


def _series() -> Iterator[tuple[str, str, str]]:
    """(name, labels beside network, column or expression over the summed statistics)."""
    yield "facilitator_payments_total", 'status="success"', "started_settled"
    yield "facilitator_payments_total", 'status="failed"', "started_failed"
    yield "facilitator_volume_usd", "", "settled_volume"
    yield "facilitator_fees_usd", "", "facilitator_fees"
    duration, gas = "facilitator_settlement_duration_seconds", "facilitator_gas_used"
    for ms in SETTLEMENT_MS:
        yield f"{duration}_bucket", f'le="{exact_text(Decimal(ms) / 1000)}"', f"ms_le_{ms}"
    yield f"{duration}_bucket", 'le="+Inf"', "settlement_count"
    yield f"{duration}_sum", "", "settlement_ms / 1000"
    yield f"{duration}_count", "", "settlement_count"
    for units in GAS:
        yield f"{gas}_bucket", f'le="{units}"', f"gas_le_{units}"
    yield f"{gas}_bucket", 'le="+Inf"', "gas_used_count"
    yield f"{gas}_sum", "", "gas_used"
    yield f"{gas}_count", "", "gas_used_count"


MEASURES = (
    *("started_settled", "started_failed", "settled_volume", "facilitator_fees"),
    *("settlement_ms", "settlement_count", "gas_used", "gas_used_count"),
    *(f"ms_le_{ms}" for ms in SETTLEMENT_MS),
    *(f"gas_le_{units}" for units in GAS),
)
_VALUES = ",\n        ".join(
    f"({n}, '{name}', '{labels}', s.{column})" for n, (name, labels, column) in enumerate(_series())
)
_SUMS = ", ".join(f"coalesce(sum(f.{name}), 0) as {name}" for name in MEASURES)

SAMPLES = f"""
with network as (
    select chain_id, is_testnet,
        case when is_registered or chain_id = 'unknown' then chain_id else 'other' end as label
    from billing_network
),
label as (
    select label, bool_or(is_testnet) or label = 'other' as is_outside_usd
    from (select label, is_testnet from network
          union all values ('unknown', false), ('other', true)) l
    group by label
),
stat as (
    select l.label, l.is_outside_usd, {_SUMS}
    from label l
    left join network n on n.label = l.label
    left join analytics_stats(null, null, 2, null) f on f.network_id = n.chain_id
    group by 1, 2
),
pending as (
    select l.label, count(p.network_id) as payments
    from label l
    left join network n on n.label = l.label
    left join billing_payment p
        on p.network_id = n.chain_id and p.status in ('received', 'verified', 'pending')
    group by 1
),
found as (
    select v.place, v.name, v.value::numeric as value,
        concat_ws(',', {label("network", "s.label")}, nullif(v.labels, '')) as labels
    from stat s cross join lateral (values
        {_VALUES}
    ) v (place, name, labels, value)
    where not (v.name = any(%(usd)s) and s.is_outside_usd)
    union all
    select 100, 'facilitator_pending_payments', payments, {label("network", "label")} from pending
    union all
    select 101, 'facilitator_active_websocket_clients', count(*), ''
    from analytics_liveconnection where seen_at > now() - interval '15 seconds'
    union all
    select 102, 'paygate_ingest_events_total', v.value, format('outcome="%%s"', v.outcome)
    from (select coalesce(sum(accepted), 0) as accepted, coalesce(sum(duplicate), 0) as duplicate,
              coalesce(sum(conflict), 0) as conflict, coalesce(sum(rejected), 0) as rejected
          from analytics_receipt_live) r
    cross join lateral (values ('accepted', r.accepted), ('duplicate', r.duplicate),
        ('conflict', r.conflict), ('rejected', r.rejected)) v (outcome, value)
    union all
    select 103, 'paygate_rejected_open', count(*), '' from billing_rejectedevent
    where status = 'open'
    union all
    select 104, 'paygate_stale_marks', count(*), '' from analytics_stalemark
    union all
    select 105, 'paygate_stale_mark_age_seconds',
        coalesce(greatest(extract(epoch from clock_timestamp() - min(created_at)), 0), 0), ''
    from analytics_stalemark
    union all
    select 106, 'paygate_verify_mismatches_total', coalesce(sum(mismatches), 0), ''
    from analytics_rollupstate
)
"""  # noqa: S608 - composed of constants


def text() -> str:
    """The portal's own metrics in text format."""
    with connection.cursor() as cursor:
        samples = shown(cursor, SAMPLES, OWN, {"usd": USD})
    return exposition(FAMILIES, [*samples, *gateway_metrics.samples()])


@require_safe
def metrics(request: HttpRequest) -> HttpResponse:
    """The portal's own metrics, then those of this process (django-prometheus).

    For a token with the role viewer that is not limited to a source, and for the networks in
    PAYGATE_METRICS_NETWORKS.
    """
    try:
        _authorize(request)
    except AuthenticationFailed as error:
        refused = problem(401, "not_authenticated", str(error.detail))
        refused["WWW-Authenticate"] = 'Bearer realm="paygate"'
        return refused
    except PermissionDenied as error:
        return problem(403, "permission_denied", str(error.detail))
    own = text().encode()
    of_process: bytes = ExportToDjangoView(request).content
    return HttpResponse(own + of_process, content_type=CONTENT_TYPE)


def _authorize(request: HttpRequest) -> None:
    address = request.META.get("REMOTE_ADDR", "")
    if in_networks(address, settings.PAYGATE_METRICS_NETWORKS):
        return
    secret = presented_secret(request.META)
    if secret is None:
        raise AuthenticationFailed("Send a token, or scrape from an allowed network.")
    token = token_for(secret, address)
    if token.source is not None or not token.has_role(Role.VIEWER):
        raise PermissionDenied("These are the figures of every source.")
