"""What was paid for: a route template if the event has a valid one, else the path."""

import re
from typing import Any
from urllib.parse import urlsplit

from billing.ingest.values import CONTROL

LONGEST = 2048
_NAMES = frozenset({"toolName", "routeTemplate", "extensions"})
_TEMPLATE = re.compile(r"/[A-Za-z0-9._~:@!$&'()*+,;={}\[\]/-]*")


def resource_of(data: dict[str, Any]) -> str | None:
    """URL or path without query and fragment, path replaced by a valid route template.

    An MCP tool is `url#toolName`. None when the event names no resource.
    """
    named = data.get("resource")
    if named is None and not _NAMES.intersection(data):
        return None
    url = named.get("url") if isinstance(named, dict) else named
    base = _without_query(url) if isinstance(url, str) else ""
    template = _template_of(data)
    if template:
        base = _origin(base) + template
    tool = data.get("toolName")
    if isinstance(tool, str) and tool.strip():
        base = f"{base}#{tool.strip()}"
    clean = CONTROL.sub("", base).strip()[:LONGEST]
    return clean or None


def _without_query(url: str) -> str:
    return url.partition("#")[0].partition("?")[0]


def _origin(url: str) -> str:
    try:
        parts = urlsplit(url)
    except ValueError:
        return ""
    return f"{parts.scheme}://{parts.netloc}" if parts.scheme and parts.netloc else ""


def _template_of(data: dict[str, Any]) -> str:
    """The route template, or empty when absent or unsafe (client-made: .., ://, encoded)."""
    extensions = data.get("extensions")
    bazaar = extensions.get("bazaar") if isinstance(extensions, dict) else None
    template = data.get("routeTemplate") or (
        bazaar.get("routeTemplate") if isinstance(bazaar, dict) else None
    )
    if not isinstance(template, str) or ".." in template or "://" in template:
        return ""
    return template if _TEMPLATE.fullmatch(template) and len(template) <= LONGEST else ""
