"""Moments in a query string of the gateway's reports."""

from datetime import datetime

import pytest

from analytics.reports.gateway._moments import AuditSpanParams
from tests.gateway.conftest import NOW


@pytest.mark.parametrize(
    ("text", "moment"),
    [
        ("2026", "2026-01-01T00:00:00+00:00"),
        ("2026-03", "2026-03-01T00:00:00+00:00"),
        ("2026-02-30", "2026-03-02T00:00:00+00:00"),
        ("2026-02-10T24:00Z", "2026-02-11T00:00:00+00:00"),
        ("2026-02-10T10:00:00.1239-05:30", "2026-02-10T15:30:00.123000+00:00"),
        ("2026-02-10 10:00:00 01:00", "2026-02-10T09:00:00+00:00"),
        ("2026-02-10T10:00", "2026-02-10T09:00:00+00:00"),
    ],
)
def test_moments_are_read_as_javascript_reads_them(text: str, moment: str) -> None:
    params = AuditSpanParams(since=text, tz="Europe/Berlin")
    assert params.span(datetime.fromisoformat("2026-06-01T00:00:00Z")).since.isoformat() == moment


@pytest.mark.parametrize(
    "text", ["", "2026-13", "2026-02-32", "2026-02-10T25:00", "2026-02-10T24:01", "0001-01-01", "x"]
)
def test_what_is_no_moment_leaves_nothing(text: str) -> None:
    span = AuditSpanParams(since=text).span(NOW)
    assert span.until < span.since
