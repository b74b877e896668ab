"""Tables of the papers list what the code has, no more and no less."""

import ast
import json
import re
import tomllib
from collections.abc import Iterator

import pytest
from django.conf import settings

from analytics.measures import MEASURES
from analytics.metrics import FAMILIES
from billing.ingest import receive
from billing.ingest.understand import STAGE_OF_TYPE
from billing.models import Source
from tests.docs.documents import ROOT, anchors, blocks, code_spans, first_cells, read, section

VARIABLE = re.compile(r"(?:PAYGATE_[A-Z_]*[A-Z]|DATABASE_URL|BROKER_URL|CACHE_URL)")
TEST_SERVERS = {"PAYGATE_TEST_DATABASE_URL", "PAYGATE_TEST_BROKER_URL"}
CODE = ("paygate_site", "billing", "analytics", "devstack")


def calls(folder: str) -> Iterator[ast.Call]:
    """Every call in a folder's Python files."""
    for path in sorted((ROOT / folder).rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call):
                yield node


def first_text(call: ast.Call) -> str:
    """A call's first argument when it is a text, else empty."""
    first = call.args[0] if call.args else None
    text = first.value if isinstance(first, ast.Constant) else ""
    return text if isinstance(text, str) else ""


def variables_read() -> set[str]:
    """Environment variables that some code asks for by name."""
    texts = {first_text(call) for folder in CODE for call in calls(folder)}
    return {text for text in texts if VARIABLE.fullmatch(text)}


def test_every_environment_variable_is_documented_and_read() -> None:
    documented = {
        name for name in first_cells(read("docs/production.md")) if VARIABLE.fullmatch(name)
    }
    assert documented == variables_read() | TEST_SERVERS | {"DATABASE_URL", "BROKER_URL"}


def defaults_in_settings() -> dict[str, str]:
    """The default of every variable that the settings give one, as it would be written."""
    tree = ast.parse(read("paygate_site/settings.py"))
    found = {}
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and VARIABLE.fullmatch(first_text(node)):
            given = [*node.args[1:2], *(k.value for k in node.keywords if k.arg == "default")]
            value = ast.literal_eval(given[0]) if given else ""
            found[first_text(node)] = f"{int(value)}" if isinstance(value, bool) else f"{value}"
    return found


def test_documented_defaults_are_those_of_the_settings() -> None:
    rows = re.findall(
        r"^\| `(PAYGATE_\w+)` \| ([^|]+) \| [^|]+ \|$", read("docs/production.md"), re.M
    )
    documented = {name: cell.strip("`") for name, cell in rows}
    in_words = {"none": "", "from the secret keys": "", "8 for web, else 0": "0"}
    settled = defaults_in_settings()
    optional = {name for name in settled if name.startswith("PAYGATE_")} - {"PAYGATE_SECRET_KEY"}
    assert set(documented) == optional
    for name, cell in documented.items():
        assert in_words.get(cell, cell) == settled[name], name


def test_every_metric_is_documented() -> None:
    named = first_cells(section("docs/production.md", "## Health and metrics"))
    assert {family.name for family in FAMILIES} == {n for n in named if not n.startswith("/")}


def rejection_codes() -> set[str]:
    """Codes that ingest gives."""
    return {
        first_text(call)
        for call in calls("billing/ingest")
        if isinstance(call.func, ast.Name) and call.func.id == "Rejection"
    } - {"", "unknown"}  # given by a caller; for a missing reason, which cannot happen


def test_every_rejection_code_is_documented() -> None:
    assert first_cells(section("docs/ingest.md", "## Rejection codes")) == rejection_codes()


def test_every_event_type_is_documented() -> None:
    named = first_cells(section("docs/ingest.md", "## Events"))
    known = {*STAGE_OF_TYPE, "batch:settled", "revenue:recorded"}
    assert {name for name in named if ":" in name} == known


@pytest.mark.django_db
def test_the_examples_of_events_are_accepted() -> None:
    examples = [text.encode() for kind, text in blocks("docs/ingest.md") if kind == "json"]
    receipt = receive(examples, Source.objects.get(slug="default"))
    assert receipt.accepted == len(examples) == 5, receipt.results
    assert {json.loads(text)["type"].partition(":")[0] for text in examples} == {
        "payment",
        "batch",
        "revenue",
    }


def test_every_measure_is_defined() -> None:
    assert first_cells(section("docs/rollups.md", "## Measures")) == set(MEASURES)


def test_the_schedule_is_documented() -> None:
    named = first_cells(section("docs/rollups.md", "## Upkeep"))
    scheduled = {name for name in named if " " not in name}
    assert scheduled == set(settings.CELERY_BEAT_SCHEDULE)


def test_the_index_of_decisions_is_current() -> None:
    pages = sorted((ROOT / "docs" / "adr").glob("0*.md"))
    titles = [page.read_text(encoding="utf-8").partition("\n")[0][2:] for page in pages]
    index = re.findall(r"^- \[(.+)\]\((.+)\)$", read("docs/adr/README.md"), re.M)
    assert index == [(title, page.name) for title, page in zip(titles, pages, strict=True)]
    assert [title.partition(".")[0] for title in titles] == [
        f"{int(page.name[:4])}" for page in pages
    ]
    for page in pages:
        assert anchors(page) >= {"context", "options", "decision", "consequences"}, page.name


def test_the_version_is_one_and_the_changelog_has_it() -> None:
    project = tomllib.loads(read("pyproject.toml"))["project"]
    releases = re.findall(r"^## (\d+\.\d+\.\d+)", read("CHANGELOG.md"), re.M)
    assert releases[0] == project["version"] == settings.VERSION


def test_the_licence_is_the_one_declared() -> None:
    project = tomllib.loads(read("pyproject.toml"))["project"]
    assert project["license"] == "Apache-2.0"
    text = " ".join(read("LICENSE").split())
    assert text.startswith("Apache License Version 2.0, January 2004")
    assert text.endswith("limitations under the License.")


def test_house_checks_are_parts_of_the_build() -> None:
    script = read(".ci/run")
    parts = section("CONTRIBUTING.md", "## Checks")
    named = re.search(r"bash \.ci/run types`\s+\((.*?)\)", parts, re.DOTALL)
    assert named is not None
    for part in code_spans(named[1]):
        assert f"\n{part}() {{" in script, part
