"""Every door of the site, read from its routes: none can be forgotten."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum

from django.apps import apps
from django.contrib.admindocs.views import simplify_regex
from django.urls import URLPattern, URLResolver, get_resolver

ANY_ROUTE = re.compile(r"<(?:\w+:)?(\w+)>")
REPORT = re.compile(r"/api/v1/analytics/(gateway/)?[a-z-]+/$")
MODEL_PAGE = re.compile(r"/admin/(?P<app>[a-z_]+)/(?P<model>[a-z]+)/(?P<rest>.*)")
# What may be asked at the pages of a model; all others are asked both ways.
METHODS = {"": "GET", "add/": "POST", "<object_id>/delete/": "POST"}
METHODS |= {"<object_id>/history/": "GET", "<object_id>/": ""}  # leads on to change/
EXAMPLES = {
    "app_label": "billing",
    "chain_id": "eip155:8453",
    "content_type_id": "1",
    "family": "payments",
    "public_id": "none",
    "key": "calls",
    "kind": "payments",
}
SLUGS = {"/admin/reports/": "revenue", "/admin/dashboards/": "gateway"}
LIVE = "/ws/live/"


class Kind(StrEnum):
    """Who comes through a door, which says what its refusals look like."""

    PAGE = "page"
    API = "api"
    LIVE = "live"


@dataclass(frozen=True)
class Door:
    """A method at an address; several addresses where one view serves all of a registry."""

    method: str
    address: str
    paths: tuple[str, ...]

    def __str__(self) -> str:
        """As the paper has it."""
        return f"{self.method} {self.address}"

    @property
    def kind(self) -> Kind:
        """By its address."""
        if self.address == LIVE:
            return Kind.LIVE
        return Kind.PAGE if self.address.startswith("/admin/") else Kind.API


def doors() -> list[Door]:
    """All of them, in the order of method and address."""
    found: dict[tuple[str, str], list[str]] = {("WS", LIVE): [LIVE]}
    for path, pattern in _routes(get_resolver(), ""):
        for method in _methods(path, pattern):
            found.setdefault((method, _family(path, pattern)), []).append(_example(path))
    return [Door(*key, tuple(dict.fromkeys(paths))) for key, paths in sorted(found.items())]


def _routes(resolver: URLResolver, before: str) -> Iterator[tuple[str, URLPattern]]:
    for each in resolver.url_patterns:
        path = before + str(each.pattern)
        if isinstance(each, URLResolver):
            yield from _routes(each, path)
        elif "(?P<url>" not in path:  # the admin's own page for whatever does not exist
            yield _shown(path), each


def _shown(path: str) -> str:
    """A route as people write it: `^keys/(?P<pk>[^/.]+)/$` is /keys/<pk>/."""
    plain = simplify_regex(path.replace("/?$", "/$"))
    return ANY_ROUTE.sub(r"<\1>", plain)


def _family(path: str, pattern: URLPattern) -> str:
    if (pattern.name or "").startswith("dropin-"):
        return "/admin/<analysis>"
    known = REPORT.fullmatch(path)
    return f"/api/v1/analytics/{known[1] or ''}<report>/" if known else path


def _methods(path: str, pattern: URLPattern) -> list[str]:
    actions = getattr(pattern.callback, "actions", None)
    if actions:
        allowed = pattern.callback.cls.http_method_names  # type: ignore[attr-defined]  # a viewset's
        # HEAD is added to a viewset's actions with its first request, and is GET without a body
        return [method.upper() for method in actions if method in allowed and method != "head"]
    page = MODEL_PAGE.fullmatch(path)
    if page and page["app"] in apps.app_configs:
        return METHODS.get(page["rest"], "GET POST").split()
    return ["POST"] if pattern.name in ("hook", "logout") else ["GET"]


def _example(path: str) -> str:
    """An address that exists, with a record of the model when there is one."""
    page = MODEL_PAGE.fullmatch(path)
    slug = next((slug for start, slug in SLUGS.items() if path.startswith(start)), "default")
    record = _record(page) if page else "1"
    filled = EXAMPLES | {"slug": slug, "object_id": record, "id": record}
    return ANY_ROUTE.sub(lambda found: filled.get(found[1], "1"), path)


def _record(page: re.Match[str]) -> str:
    if page["app"] not in apps.app_configs:
        return "1"
    rows = apps.get_model(page["app"], page["model"])._default_manager.order_by("pk")
    found = rows.values_list("pk", flat=True).first()
    return re.sub(r"[^A-Za-z0-9-]", lambda c: f"_{ord(c[0]):02X}", str(found)) if found else "1"
