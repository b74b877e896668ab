"""What a query string means."""

from datetime import UTC, datetime

import pytest
from rest_framework.exceptions import ValidationError

from analytics.params import ReportParams, TopParams, WindowParams
from analytics.serializers import read_params

AS_OF = datetime(2026, 3, 10, 12, tzinfo=UTC)


def moment(**query: str) -> datetime:
    found = read_params(ReportParams, query).as_of
    assert found is not None
    return found.astimezone(UTC)


@pytest.mark.parametrize(
    "text",
    [
        "2026-03-10T12:00:00Z",
        "2026-03-10T17:30:00+05:30",
        "2026-03-10T17:30:00 05:30",  # a + that was not escaped in the address
        "1773144000000",
    ],
)
def test_a_moment_is_iso_or_epoch_milliseconds(text: str) -> None:
    assert moment(as_of=text) == AS_OF


def test_a_time_without_an_offset_is_one_of_the_zone() -> None:
    assert moment(as_of="2026-03-10T17:45:00", tz="Asia/Kathmandu") == AS_OF
    assert moment(as_of="2026-03-10T12:00:00") == AS_OF


def test_the_epoch_is_a_moment() -> None:
    assert moment(as_of="0") == datetime(1970, 1, 1, tzinfo=UTC)


@pytest.mark.parametrize("text", ["soon", "-1", "2026-13-01", "99999999999999999", "1850-01-01"])
def test_what_is_no_moment_is_refused(text: str) -> None:
    with pytest.raises(ValidationError) as refused:
        read_params(ReportParams, {"as_of": text})
    assert list(refused.value.detail) == ["as_of"]


@pytest.mark.parametrize("name", ["Mars/Olympus", "asia/kolkata", "localtime", "Factory", "+05:30"])
def test_a_zone_is_one_that_everybody_knows(name: str) -> None:
    with pytest.raises(ValidationError) as refused:
        read_params(ReportParams, {"tz": name})
    assert list(refused.value.detail) == ["tz"]


def test_networks_have_old_names() -> None:
    assert read_params(ReportParams, {"network": "Base"}).network == "eip155:8453"
    assert read_params(ReportParams, {"network": "eip155:8453"}).network == "eip155:8453"


def test_empty_and_unknown_parameters_are_ignored() -> None:
    params = read_params(TopParams, {"limit": "", "tz": "", "page": "7", "start": "x"})
    assert params == TopParams()


def test_a_range_takes_the_place_of_the_window() -> None:
    params = read_params(
        WindowParams, {"window": "7d", "from": "2026-03-01T00:00:00Z", "to": "2026-03-02T00:00:00Z"}
    )
    span = params.range(AS_OF)
    assert (span.start, span.end) == (params.start, params.end)
    assert params.label == "custom"


def test_an_open_range_ends_at_as_of_or_begins_a_window_before_its_end() -> None:
    only_from = read_params(WindowParams, {"from": "2026-03-01T00:00:00Z"}).range(AS_OF)
    assert only_from.last == AS_OF
    only_to = read_params(WindowParams, {"to": "2026-03-02T00:00:00Z"}).range(AS_OF)
    assert only_to.start == datetime(2026, 3, 1, tzinfo=UTC)


def test_nothing_after_as_of_is_inside() -> None:
    span = read_params(
        WindowParams, {"from": "2026-03-10T00:00:00Z", "to": "2026-03-11T00:00:00Z"}
    ).range(AS_OF)
    assert span.last == AS_OF
    assert span.until == datetime(2026, 3, 11, tzinfo=UTC)


def test_a_range_ends_after_it_begins() -> None:
    for end in ("2026-03-01T00:00:00Z", "2026-02-28T00:00:00Z"):
        with pytest.raises(ValidationError) as refused:
            read_params(WindowParams, {"from": "2026-03-01T00:00:00Z", "to": end})
        assert list(refused.value.detail) == ["to"]
