"""The compliance export as a download: indented JSON, or lines of CSV."""

from collections.abc import Iterator, Mapping
from typing import Any

import msgspec
from django.http import HttpRequest, HttpResponse

from analytics.api.dropin_replies import JSON, reply
from billing.api.renderers import exact_json

HEADER = "section,timestamp,category,action,actor,severity,detail"


def download(request: HttpRequest, data: Mapping[str, Any]) -> HttpResponse:
    """The export's data as a file, in the form that `format` names."""
    is_csv = request.GET.get("format") == "csv"
    body = csv_lines(data).encode() if is_csv else msgspec.json.format(exact_json(data), indent=2)
    response = reply(request, body, "text/csv" if is_csv else JSON)
    meta = data["meta"]
    name = f"compliance-{meta['framework']}-{meta['generatedAt'][:10]}"
    suffix = "csv" if is_csv else "json"
    response.headers["Content-Disposition"] = f'attachment; filename="{name}.{suffix}"'
    return response


def csv_lines(data: Mapping[str, Any]) -> str:
    """A line for each event of each section, quoted where the gateway quotes; no final newline."""
    return "\n".join([HEADER, *_lines(data)])


def _lines(data: Mapping[str, Any]) -> Iterator[str]:
    for section in data["sections"]:
        for event in section["events"]:
            cells = (
                f'"{section["title"]}"',
                event["timestamp"],
                event["category"],
                event["action"],
                _quoted(event["actor"]),
                event["severity"],
                _quoted(event["detail"]),
            )
            yield ",".join(cells)


def _quoted(text: str) -> str:
    return '"' + text.replace('"', '""') + '"'
