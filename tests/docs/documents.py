"""Reading the project's Markdown: blocks of code, tables, links, headings."""

import re
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
DOCUMENTS = sorted(
    [
        ROOT / "README.md",
        ROOT / "CONTRIBUTING.md",
        ROOT / "CHANGELOG.md",
        *ROOT.glob("docs/**/*.md"),
    ]
)
_BLOCK = re.compile(r"^```(\w+)\n(.*?)^```$", re.DOTALL | re.MULTILINE)
_LINK = re.compile(r"\]\(([^)\s]+)\)")
_CODE = re.compile(r"`([^`\n]+)`")


def name_of(path: Path) -> str:
    """A document's path inside the project."""
    return str(path.relative_to(ROOT))


def read(name: str) -> str:
    """A document's text."""
    return (ROOT / name).read_text(encoding="utf-8")


def blocks(name: str) -> list[tuple[str, str]]:
    """(language, text) of every fenced block, in order."""
    return _BLOCK.findall(read(name))


def prose(text: str) -> str:
    """A document without its fenced blocks."""
    return _BLOCK.sub("", text)


def links(path: Path) -> list[str]:
    """Where a document links to."""
    return _LINK.findall(prose(path.read_text(encoding="utf-8")))


def code_spans(text: str) -> list[str]:
    """The texts in backticks."""
    return _CODE.findall(prose(text))


def anchors(path: Path) -> set[str]:
    """The anchors of a document's headings, as they are made for links."""
    headings = re.findall(r"^#+ (.+)$", path.read_text(encoding="utf-8"), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", text.lower()).replace(" ", "-") for text in headings}


def section(name: str, heading: str) -> str:
    """The text under a heading, up to the next one of the same depth; KeyError when missing."""
    depth = heading.partition(" ")[0]
    found = re.search(
        rf"^{re.escape(heading)}\n(.*?)(?=^{depth} |\Z)", read(name), re.DOTALL | re.MULTILINE
    )
    if found is None:
        raise KeyError(heading)
    return found[1]


def first_cells(text: str) -> set[str]:
    """The texts in backticks of every table's first column."""
    rows = re.findall(r"^\| (.*?) \|", text, re.MULTILINE)
    return {code for cell in rows for code in _CODE.findall(cell)}
