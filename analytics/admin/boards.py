"""The pages of dashboards, and the fragment of each card, which a page asks for by itself."""

from collections.abc import Mapping
from typing import Any

from django.contrib import admin
from django.db import connection
from django.forms import Form
from django.http import Http404, HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse
from django.utils.http import urlencode
from django.utils.translation import gettext

from analytics.admin.cards import answer
from analytics.admin.dashboards import DASHBOARDS, Card, Dashboard
from analytics.admin.forms import report_form
from analytics.params import WINDOWS, GatewaySpanParams
from analytics.rollups import verified_to
from billing.admin.figures import moment

PASSED_ON = ("window", "from", "to", "tz", "source")
DEFAULT_WINDOW = "7d"


def board_urls() -> list[URLPattern]:
    """The pages below /admin/dashboards/."""
    view = admin.site.admin_view
    return [
        path("dashboards/<slug:slug>/", view(board_page), name="board"),
        path("dashboards/<slug:slug>/cards/<slug:key>/", view(card_fragment), name="card"),
    ]


def board_page(request: HttpRequest, slug: str) -> HttpResponse:
    """A dashboard. Scripts fetch its cards one by one; `inline=1` has them in the page."""
    board, query = _board(slug), _query(request)
    as_of = request.GET.get("as_of") or _now()
    is_inline = "inline" in request.GET
    context = {
        **admin.site.each_context(request),
        "title": board.title,
        "board": board,
        "tabs": tabs(slug),
        "periods": _periods(query, is_inline),
        "form": _form({**query, **_as_of(request)}),
        "kept": _kept(query, is_inline),
        "verified": moment(verified_to()),
        "inline_url": f"?{urlencode({**query, **_as_of(request), 'inline': '1'})}",
        "places": [_place(board, card, query, as_of, is_inline) for card in board.cards],
    }
    return TemplateResponse(request, "admin/reports/board.html", context)


def card_fragment(request: HttpRequest, slug: str, key: str) -> HttpResponse:
    """One card as HTML. An error of its report is said in the card, so the status is 200."""
    board = _board(slug)
    try:
        card = board.card(key)
    except LookupError as error:
        raise Http404(str(error)) from error
    answered = answer(card, _query(request), request.GET.get("as_of") or _now())
    return TemplateResponse(request, "admin/reports/board_card.html", {"answered": answered})


def tabs(chosen: str) -> list[dict[str, Any]]:
    """Links to every dashboard, `payments` being the first page."""
    links = [("payments", gettext("Payments"), reverse("admin:index"))]
    links += [(b.slug, str(b.title), reverse("admin:board", args=[b.slug])) for b in _all()]
    return [{"title": title, "url": url, "is_chosen": key == chosen} for key, title, url in links]


def _all() -> list[Dashboard]:
    return list(DASHBOARDS.values())


def _board(slug: str) -> Dashboard:
    if slug not in DASHBOARDS:
        raise Http404(f"There is no dashboard {slug}.")
    return DASHBOARDS[slug]


def _query(request: HttpRequest) -> dict[str, str]:
    query = {name: request.GET[name] for name in PASSED_ON if request.GET.get(name)}
    return query if query.keys() & {"window", "from", "to"} else {"window": DEFAULT_WINDOW, **query}


def _as_of(request: HttpRequest) -> dict[str, str]:
    return {"as_of": request.GET["as_of"]} if request.GET.get("as_of") else {}


def _form(given: Mapping[str, str]) -> Form:
    """Everything a page can be asked but the window, which has links of its own."""
    form = report_form(GatewaySpanParams, given)
    del form.fields["window"]
    return form


def _kept(query: Mapping[str, str], is_inline: bool) -> dict[str, str]:
    """What the form leaves as it is; a range given in it goes before the window."""
    window = {"window": query["window"]} if "window" in query else {}
    return window | ({"inline": "1"} if is_inline else {})


def _now() -> str:
    """The database's clock: one moment for all cards of a page."""
    with connection.cursor() as cursor:
        cursor.execute("select statement_timestamp()")
        (now,) = cursor.fetchone()
    return str(now.isoformat())


def _periods(query: Mapping[str, str], is_inline: bool) -> list[dict[str, Any]]:
    kept = {name: value for name, value in query.items() if name not in ("window", "from", "to")}
    kept |= {"inline": "1"} if is_inline else {}
    chosen = "custom" if query.keys() & {"from", "to"} else query["window"]
    return [
        {
            "label": name,
            "link": f"?{urlencode({'window': name, **kept})}",
            "is_chosen": name == chosen,
        }
        for name in (*WINDOWS, "all")
    ]


def _place(
    board: Dashboard, card: Card, query: Mapping[str, str], as_of: str, is_inline: bool
) -> dict[str, Any]:
    url = reverse("admin:card", args=[board.slug, card.key])
    return {
        "card": card,
        "url": f"{url}?{urlencode({**query, 'as_of': as_of})}",
        "answered": answer(card, query, as_of) if is_inline else None,
    }
