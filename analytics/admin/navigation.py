"""The sidebar (UNFOLD's SIDEBAR.navigation): what staff may see, grouped by subject."""

from typing import Any

from django.http import HttpRequest
from django.urls import reverse
from django.utils.translation import gettext

GROUPS: dict[str, list[tuple[str, str, str]]] = {
    "Money": [
        ("Payments", "payments", "billing.payment"),
        ("Revenue records", "menu_book", "billing.revenuerecord"),
        ("Settlement batches", "layers", "billing.settlementbatch"),
        ("Batch payments", "receipt_long", "billing.batchpayment"),
    ],
    "Events": [
        ("Events", "inbox", "billing.event"),
        ("Rejected events", "report", "billing.rejectedevent"),
        ("Conflicts", "call_split", "billing.eventconflict"),
        ("Receipts", "fact_check", "billing.ingestreceipt"),
    ],
    "Keys": [
        ("Keys", "key", "billing.apikey"),
        ("Key groups", "workspaces", "billing.keygroup"),
        ("Ledger lines", "receipt_long", "billing.creditentry"),
        ("Calls", "bolt", "billing.usageevent"),
        ("Request log", "list_alt", "billing.requestlog"),
        ("Audit log", "policy", "billing.gatewayauditevent"),
        ("Actions", "task_alt", "billing.keyaction"),
        ("Notes", "sticky_note_2", "billing.keynote"),
    ],
    "Gateways": [
        ("Imports", "upload_file", "billing.gatewayimport"),
        ("Polling", "sync", "billing.pollstate"),
        ("Gaps", "link_off", "billing.pollgap"),
        ("Limits", "tune", "billing.gatewayconfig"),
        ("Tool prices", "sell", "billing.toolprice"),
    ],
    "Notifications": [
        ("Alerts", "notifications", "notify.alert"),
        ("Alert rules", "rule", "notify.alertrule"),
        ("Muting windows", "notifications_off", "notify.mutingwindow"),
        ("Scheduled reports", "schedule_send", "notify.reportschedule"),
        ("Webhook endpoints", "webhook", "notify.endpoint"),
        ("Deliveries", "outbox", "notify.delivery"),
    ],
    "Registry": [
        ("Networks", "lan", "billing.network"),
        ("Assets", "toll", "billing.asset"),
        ("Native prices", "price_change", "billing.nativeprice"),
    ],
    "Access": [
        ("Sources", "sensors", "billing.source"),
        ("API tokens", "vpn_key", "billing.admintoken"),
        ("Staff", "person", "auth.user"),
        ("Groups", "group", "auth.group"),
        ("Audit trail", "history_edu", "audit.auditentry"),
    ],
    "Rollups": [
        ("Daily", "calendar_month", "analytics.dailystat"),
        ("Hourly", "schedule", "analytics.hourlystat"),
        ("Quarter hours", "timer", "analytics.quarterhourstat"),
        ("Stale marks", "pending", "analytics.stalemark"),
        ("Daily uniques", "groups", "analytics.dailyunique"),
        ("Running totals", "leaderboard", "analytics.runningtotal"),
        ("Verification", "verified", "analytics.rollupstate"),
        ("Metric counters", "speed", "analytics.metriccounter"),
        ("Live connections", "podcasts", "analytics.liveconnection"),
    ],
}


def navigation(request: HttpRequest) -> list[dict[str, Any]]:
    """The groups and their links that the user may open."""
    first = [
        {"title": "Dashboard", "icon": "dashboard", "link": reverse("admin:index")},
        {
            "title": gettext("Gateway dashboard"),
            "icon": "monitoring",
            "link": reverse("admin:board", args=["gateway"]),
        },
        {"title": "Reports", "icon": "query_stats", "link": reverse("admin:reports")},
        {"title": "API", "icon": "api", "link": reverse("docs")},
    ]
    groups: list[dict[str, Any]] = [{"items": first}]
    for title, entries in GROUPS.items():
        items = [_item(*entry) for entry in entries if _may_view(request, entry[2])]
        if items:
            groups.append({"title": title, "separator": True, "items": items})
    return groups


BADGES = {"notify.alert": "notify.admin.alerts.firing_badge"}  # named: nothing is imported here


def _item(title: str, icon: str, label: str) -> dict[str, str]:
    name = label.replace(".", "_")
    item = {"title": title, "icon": icon, "link": reverse(f"admin:{name}_changelist")}
    return {**item, "badge": BADGES[label]} if label in BADGES else item


def _may_view(request: HttpRequest, label: str) -> bool:
    app, model = label.split(".")
    return any(request.user.has_perm(f"{app}.{verb}_{model}") for verb in ("view", "change"))
