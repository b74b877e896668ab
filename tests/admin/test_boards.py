"""Dashboards of cards: the API's figures, one failing card alone, the same page by its address."""

import re
from html import unescape

import pytest
from django.db import DatabaseError
from django.test import Client

from analytics.admin.cards import AnsweredCard, _value, answer
from analytics.admin.dashboards import DASHBOARDS, Card, Dashboard, Shown
from analytics.registry import Report, find_report
from tests.admin.conftest import statements
from tests.gateway.small import call, denied, key, small_gateway

AS_OF = "2026-02-16T12:00:00+00:00"
WINDOW = {"window": "7d", "tz": "Asia/Kolkata"}
QUERY = {**WINDOW, "as_of": AS_OF}
CARDS = [
    pytest.param(board, card, id=f"{board.slug}-{card.key}")
    for board in DASHBOARDS.values()
    for card in board.cards
]


def fill() -> None:
    """Three keys; four calls in the week, one of them denied."""
    small_gateway(
        keys=[key(1), key(2, credits=0), key(3)],
        calls=[call(1), call(1, tool="fetch", creditsCharged=5), call(2), denied(2)],
    )


def fragment(board: Dashboard, card: Card) -> str:
    """The card's own address."""
    return f"/admin/dashboards/{board.slug}/cards/{card.key}/"


def text_of(client: Client, url: str, query: dict[str, str]) -> str:
    """The page without tags, spaces folded."""
    response = client.get(url, query)
    assert response.status_code == 200
    return " ".join(re.sub(r"<[^>]*>", " ", unescape(response.content.decode())).split())


def texts(answered: AnsweredCard) -> list[str]:
    """Every figure a card shows, as written."""
    if answered.table:
        return [str(text) for row in answered.table.rows for text in row]
    return [str(figure.value) for figure in answered.figures]


@pytest.mark.parametrize(("board", "card"), CARDS)
def test_every_card_shows_the_figures_of_its_report(
    staff: Client, board: Dashboard, card: Card
) -> None:
    fill()
    result = find_report(card.report, card.family).answer({**card.preset, **QUERY}).result
    answered = answer(card, WINDOW, AS_OF)
    assert answered.panel.result == result
    page = text_of(staff, fragment(board, card), QUERY)
    assert str(card.title) in page
    assert "As of 2026-02-16 12:00:00 UTC" in page
    for text in texts(answered):
        assert " ".join(re.sub(r"<[^>]*>", " ", unescape(text)).split()) in page
    if answered.chart:
        rows = _value(result, card.rows)
        drawn = [list(one.values) for one in answered.chart.series]
        assert drawn == [[getattr(row, name) for row in rows] for name in card.names[1:]]


def test_the_calls_of_the_week_by_hand(staff: Client) -> None:
    fill()
    page = text_of(staff, "/admin/dashboards/gateway/cards/calls/", QUERY)
    assert "Total calls 4 Total allowed 3 Total denied 1 Success rate 75.00 %" in page
    tools = text_of(staff, "/admin/dashboards/gateway/cards/tools/", QUERY)
    assert "fetch 1 100.00 % 5" in tools
    assert "search 3 66.67 % 2" in tools


@pytest.mark.parametrize(("board", "card"), CARDS)
def test_a_card_without_data_says_so_and_claims_no_perfection(
    staff: Client, board: Dashboard, card: Card
) -> None:
    page = text_of(staff, fragment(board, card), QUERY)
    assert "100" not in page
    if card.shown is not Shown.FIGURES:
        assert str(card.empty) in page


def test_cards_are_of_one_moment_and_of_what_the_address_says(staff: Client) -> None:
    page = staff.get("/admin/dashboards/gateway/", WINDOW).content.decode()
    urls = [unescape(url) for url in re.findall(r'data-card="([^"]+)"', page)]
    assert len(urls) == len(DASHBOARDS["gateway"].cards)
    assert len({url.partition("as_of=")[2] for url in urls}) == 1
    assert all("window=7d&tz=Asia%2FKolkata" in url for url in urls)
    assert all(staff.get(url).status_code == 200 for url in urls)


def test_without_scripts_the_page_has_every_figure(staff: Client) -> None:
    fill()
    page = staff.get("/admin/dashboards/gateway/", QUERY).content.decode()
    link = re.search(r'<noscript>.*?href="([^"]+)"', page, re.DOTALL)
    assert link
    inline = text_of(staff, "/admin/dashboards/gateway/" + unescape(link[1]), {})
    assert "Total calls 4" in inline
    assert "Loading" not in inline
    for card in DASHBOARDS["gateway"].cards:
        assert str(card.title) in inline


def test_one_failing_card_shows_its_error_alone(
    staff: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = Report.answer

    def failing(report: Report, *args: object) -> object:
        if report.slug == "denials":
            raise DatabaseError("broken")
        return whole(report, *args)  # type: ignore[arg-type]  # passed on as they came

    fill()
    monkeypatch.setattr(Report, "answer", failing)
    page = text_of(staff, "/admin/dashboards/gateway/", {**QUERY, "inline": "1"})
    assert page.count("The database could not answer.") == 1
    assert "Total calls 4" in page


@pytest.mark.parametrize("query", [{"tz": "Mars/Base"}, {"window": "2y"}, {"as_of": "soon"}])
def test_a_bad_parameter_is_named_in_the_card(staff: Client, query: dict[str, str]) -> None:
    (name,) = query
    assert f"{name}:" in text_of(staff, "/admin/dashboards/gateway/cards/calls/", query)
    assert staff.get("/admin/dashboards/gateway/", query).status_code == 200


def test_the_number_of_statements_does_not_depend_on_the_data(staff: Client) -> None:
    url, query = "/admin/dashboards/gateway/", {**QUERY, "inline": "1"}
    staff.get(url, query)
    with statements() as empty:
        staff.get(url, query)
    fill()
    with statements() as full:
        staff.get(url, query)
    assert len(full) == len(empty)


@pytest.mark.parametrize("path", ["nope/", "gateway/cards/nope/", "nope/cards/calls/"])
def test_what_does_not_exist_is_not_found(staff: Client, path: str) -> None:
    assert staff.get(f"/admin/dashboards/{path}").status_code == 404


def test_strangers_are_sent_to_the_login(client: Client, db: None) -> None:
    for path in ("gateway/", "gateway/cards/calls/"):
        assert client.get(f"/admin/dashboards/{path}").status_code == 302
