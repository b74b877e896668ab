"""Links between the admin's pages, and out to block explorers."""

from typing import Any

from django.db.models import Model
from django.urls import reverse
from django.utils.html import format_html
from django.utils.http import urlencode
from django.utils.safestring import SafeString

from billing.admin import figures


def changelist_link(model: type[Model], query: dict[str, Any], text: str | SafeString) -> str:
    """A link to a model's list, narrowed by `query`."""
    opts = model._meta
    url = reverse(f"admin:{opts.app_label}_{opts.model_name}_changelist")
    return format_html('<a class="pg-link" href="{}?{}">{}</a>', url, urlencode(query), text)


def search_link(model: type[Model], term: str | None, text: str | SafeString = "") -> str:
    """A link to a model's list searched for `term`; a dash when there is nothing to look for."""
    return changelist_link(model, {"q": term}, text or term) if term else figures.EMPTY


def transaction_link(row: Any) -> str:
    """The row's transaction, linked to its network's explorer where there is one."""
    url = row.network.transaction_url(row.transaction)
    shown = figures.code(row.transaction)
    if not url:
        return shown
    return format_html(
        '{} <a class="pg-link" href="{}" rel="noopener noreferrer" target="_blank">Explorer ↗</a>',
        shown,
        url,
    )
