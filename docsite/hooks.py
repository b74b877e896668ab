"""What the site has beside docs/: pages from the project's root, and the API from its document."""

from pathlib import Path
from typing import Any

import yaml
from mkdocs.structure.files import File, Files

ROOT = Path(__file__).resolve().parent.parent
FROM_ROOT = ("CHANGELOG.md", "CONTRIBUTING.md")
METHODS = ("get", "post", "put", "patch", "delete")
API_TITLE = """\
# API

Every address of the API, from the [OpenAPI document](openapi.yaml) that the code publishes. A
running portal shows it with all parameters and answers at `/api/docs/`.
"""


def on_files(files: Files, config: Any) -> Files:
    """Add the root's pages and the one made here; decisions are listed in their order."""
    for name in FROM_ROOT:
        text = (ROOT / name).read_text(encoding="utf-8").replace("](docs/", "](")
        files.append(File.generated(config, name, content=text))
    files.append(File.generated(config, "api.md", content=api_page()))
    pages = sorted(file.src_uri for file in files if file.src_uri.startswith("adr/"))
    pages.remove("adr/README.md")
    config.nav[-1]["Decisions"] = ["adr/README.md", *pages]
    return files


def on_page_markdown(markdown: str, **_: Any) -> str:
    """Links out of docs/ lead to the copies here."""
    for name in FROM_ROOT:
        markdown = markdown.replace(f"](../{name}", f"]({name}")
    return markdown


def api_page() -> str:
    """A table for each tag: method, path, what it does."""
    document = yaml.safe_load((ROOT / "docs" / "openapi.yaml").read_text(encoding="utf-8"))
    sections: dict[str, list[str]] = {}
    for path, operations in document["paths"].items():
        for method in METHODS:
            if method in operations:
                row = _row(method, path, operations[method])
                sections.setdefault(_area(path), []).append(row)
    tables = [
        "\n".join([f"## {area}", "", "| | path | what |", "| --- | --- | --- |", *rows, ""])
        for area, rows in sections.items()
    ]
    return "\n".join([API_TITLE, *tables])


def _area(path: str) -> str:
    parts = path.removeprefix("/api/v1/").split("/")
    return " ".join(parts[:2]) if parts[:2] == ["analytics", "gateway"] else parts[0]


def _row(method: str, path: str, operation: dict[str, Any]) -> str:
    text = operation.get("summary") or operation.get("description") or ""
    what = text.strip().partition("\n")[0].replace("|", "\\|")
    return f"| {method.upper()} | `{path}` | {what} |"
