"""Dashboards as data: which reports a page shows, with which preset, and how."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from analytics.registry import Family

NOTHING = _("Nothing in this period. A longer one may have something.")


class Shown(StrEnum):
    """How a card shows its report; the value names the template's branch."""

    FIGURES = "figures"
    TABLE = "table"
    CHART = "chart"


@dataclass(frozen=True)
class Card:
    """One report on a dashboard.

    `names` are the figures by path ("summary.total_calls"), or the columns of the rows; of a chart
    the first names the slots and the others are drawn. `rows` is the list in the result that a
    table or a chart is of. `preset` parameters stand unless the page asks otherwise.
    """

    key: str
    title: str | Promise
    report: str
    names: tuple[str, ...]
    rows: str = ""
    shown: Shown = Shown.TABLE
    family: Family = Family.GATEWAY
    preset: Mapping[str, str] = field(default_factory=dict)
    empty: str | Promise = NOTHING


@dataclass(frozen=True)
class Dashboard:
    """A page of cards below /admin/dashboards/<slug>/."""

    slug: str
    title: str | Promise
    cards: tuple[Card, ...]

    def card(self, key: str) -> Card:
        """The card of this key; LookupError when there is none."""
        for card in self.cards:
            if card.key == key:
                return card
        raise LookupError(f"there is no card {key}")


NO_CALLS = _("No call in this period. Connect a gateway's webhook, or choose a longer period.")
NO_LOG = _("No request log in this period. Poll the gateway, or choose a longer period.")
NO_KEYS = _("No keys yet. Issue one, or import a gateway's.")

GATEWAY = Dashboard(
    "gateway",
    _("Gateway"),
    (
        Card(
            "calls",
            _("Calls"),
            "traffic",
            (
                "summary.total_calls",
                "summary.total_allowed",
                "summary.total_denied",
                "summary.success_rate",
                "summary.unique_keys",
                "summary.unique_tools",
            ),
            shown=Shown.FIGURES,
            empty=NO_CALLS,
        ),
        Card(
            "credits",
            _("Credits"),
            "system-overview",
            (
                "keys.active",
                "credits.total_allocated",
                "credits.total_spent",
                "credits.total_remaining",
            ),
            shown=Shown.FIGURES,
            empty=NO_KEYS,
        ),
        Card(
            "latency",
            _("Latency of allowed calls"),
            "latency",
            (
                "summary.total_calls",
                "summary.avg_duration_ms",
                "summary.p95_duration_ms",
                "summary.max_duration_ms",
            ),
            shown=Shown.FIGURES,
            empty=NO_LOG,
        ),
        Card(
            "volume",
            _("Calls by hour"),
            "traffic",
            ("hour", "allowed", "denied"),
            "hourly_volume",
            Shown.CHART,
            empty=NO_CALLS,
        ),
        Card(
            "credit-distribution",
            _("Keys by credits left"),
            "credit-distribution",
            ("range", "count"),
            "buckets",
            Shown.CHART,
            empty=NO_KEYS,
        ),
        Card(
            "tools",
            _("Tools"),
            "traffic",
            ("tool", "calls", "success_rate", "credits"),
            "tool_popularity",
            empty=NO_CALLS,
        ),
        Card(
            "denials",
            _("Denials by tool"),
            "denials",
            ("tool", "calls", "denials", "denial_rate", "top_reason"),
            "per_tool",
            empty=NO_CALLS,
        ),
        Card(
            "heatmap",
            _("Busiest hours"),
            "access-heatmap",
            ("hour", "total", "unique_consumers"),
            "hourly",
            empty=NO_LOG,
        ),
        Card(
            "namespaces",
            _("Namespaces"),
            "namespace-usage",
            ("namespace", "key_count", "total_spent", "total_remaining", "total_calls"),
            "namespaces",
            empty=NO_KEYS,
        ),
        Card(
            "segments",
            _("Segments of keys"),
            "consumer-segmentation",
            ("segment", "count", "total_credits", "total_spent", "avg_calls_per_key"),
            "segments",
            empty=NO_KEYS,
        ),
        Card(
            "cohorts",
            _("Keys by day of issue"),
            "consumer-retention",
            ("period", "created", "retained", "retention_rate"),
            "cohorts",
            empty=NO_KEYS,
        ),
        Card(
            "attention",
            _("Keys needing attention"),
            "key-status",
            ("key_name", "issue", "detail"),
            "needs_attention",
            empty=_("No key needs attention."),
        ),
    ),
)

DASHBOARDS = {board.slug: board for board in (GATEWAY,)}
