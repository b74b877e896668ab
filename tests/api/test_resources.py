"""What was sold: by route template, by tool, else by path."""

from typing import Any

import pytest

from tests.api.callers import Caller, deliver
from tests.builders import NOON, paid

AT = "2026-03-10T11:00:00Z"


def sold(viewer: Caller, *data: dict[str, Any]) -> list[tuple[str, int]]:
    """Resource and count of payments with this data."""
    deliver(*(paid(f"p{n}", AT, "1", **one) for n, one in enumerate(data)))
    rows = viewer.get("/api/v1/analytics/top-resources/", as_of=NOON).json()
    return [(row["resource"], row["count"]) for row in rows]


def test_paths_under_one_route_template_are_one_row(viewer: Caller) -> None:
    template = {"extensions": {"bazaar": {"routeTemplate": "/users/:userId"}}}
    found = sold(
        viewer,
        {"resource": "https://a.test/users/1?x", **template},
        {"resource": "https://a.test/users/2", **template},
    )
    assert found == [("https://a.test/users/:userId", 2)]


def test_tools_of_one_server_are_rows_of_their_own(viewer: Caller) -> None:
    tools = ("fetch", "search", "search")
    found = sold(viewer, *({"resource": "mcp://s", "toolName": tool} for tool in tools))
    assert sorted(found) == [("mcp://s#fetch", 1), ("mcp://s#search", 2)]


@pytest.mark.parametrize("template", ["/users/../admin", "https://b.test/x", "/users/%2e%2e/x"])
def test_an_invalid_template_falls_back_to_the_path(viewer: Caller, template: str) -> None:
    named = {"resource": "https://a.test/users/1?x=2", "routeTemplate": template}
    assert sold(viewer, named) == [("https://a.test/users/1", 1)]
