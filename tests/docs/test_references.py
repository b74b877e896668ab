"""What the papers point at exists: documents, headings, files, commands, SQL functions."""

import re
import shlex
from pathlib import Path

import pytest
from django.core.management import get_commands, load_command_class
from django.db import connection

from devstack.options import parse
from tests.docs.documents import (
    DOCUMENTS,
    ROOT,
    anchors,
    blocks,
    code_spans,
    links,
    name_of,
    read,
)

EACH = pytest.mark.parametrize("path", DOCUMENTS, ids=name_of)
TREES = ("analytics/", "billing/", "devstack/", "docs/", "paygate_site/", "tests/", ".ci/")


@EACH
def test_links_lead_somewhere(path: Path) -> None:
    for link in links(path):
        target, _, anchor = link.partition("#")
        assert "://" not in target, link
        found = (path.parent / target).resolve() if target else path
        assert found.exists(), link
        assert not anchor or anchor in anchors(found), link


@EACH
def test_files_that_are_named_exist(path: Path) -> None:
    for span in code_spans(path.read_text(encoding="utf-8")):
        if span.startswith(TREES) and not re.search(r"[<*\s]", span):
            assert (ROOT / span).exists(), span


@EACH
def test_no_document_ends_in_the_middle_of_a_block(path: Path) -> None:
    assert path.read_text(encoding="utf-8").count("\n```") % 2 == 0


def commands() -> list[list[str]]:
    """Every command line of dev.py in the shell blocks of all documents."""
    texts = [text for path in DOCUMENTS for kind, text in blocks(name_of(path)) if kind == "sh"]
    lines = [line for text in texts for line in text.splitlines()]
    return [shlex.split(line)[2:] for line in lines if line.startswith("python3 dev.py ")]


@pytest.mark.parametrize("words", commands(), ids=" ".join)
def test_dev_py_knows_its_commands(words: list[str]) -> None:
    options = parse(words)
    assert options.command == words[0]
    if options.command == "manage":
        name, *rest = options.rest
        parser = load_command_class(get_commands()[name], name).create_parser("manage.py", name)
        parser.parse_args(rest)


def manage_commands() -> set[str]:
    """Every management command that some document names."""
    return {
        name
        for path in DOCUMENTS
        for name in re.findall(r"manage(?:\.py)? ([a-z_]+)", path.read_text(encoding="utf-8"))
    }


def test_management_commands_that_are_named_exist() -> None:
    assert {"migrate", "bootstrap", "rollups", "openapi"} <= manage_commands()
    assert manage_commands() <= set(get_commands())


def test_rollup_commands_are_those_of_the_table() -> None:
    spans = [span for span in code_spans(read("docs/rollups.md")) if span.startswith("rollups ")]
    parser = load_command_class("analytics", "rollups").create_parser("manage.py", "rollups")
    found = {parser.parse_args(shlex.split(span)[1:]).action for span in spans}
    assert found == {"status", "run", "rebuild", "verify"}


@pytest.mark.django_db
def test_sql_functions_that_are_named_exist() -> None:
    named = {
        found
        for path in DOCUMENTS
        for span in code_spans(path.read_text(encoding="utf-8"))
        for found in re.findall(r"^((?:analytics|billing)_\w+)\(", span)
    }
    with connection.cursor() as cursor:
        cursor.execute("select proname from pg_proc where proname = any(%s)", [sorted(named)])
        assert named == {row[0] for row in cursor.fetchall()}
        assert named


@pytest.mark.django_db
def test_tables_and_views_of_rollups_exist() -> None:
    spans = code_spans(read("docs/rollups.md"))
    named = {span for span in spans if re.fullmatch(r"analytics_\w+", span)}
    existing = set(connection.introspection.table_names(include_views=True))
    assert named <= existing
    assert {"analytics_hourlystat", "analytics_daily_live"} <= named
