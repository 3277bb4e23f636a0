"""docs/routes.md names every route and every command that there is, and none that there is not."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from starlette.routing import WebSocketRoute
from typer.core import TyperGroup
from typer.main import get_command

from api.app import create_app
from api.routes import events
from api.submitting import API
from shared.cli import app
from shared.settings import Settings

DOCS = Path(__file__).parents[1] / "docs"
PAGE = (DOCS / "routes.md").read_text(encoding="utf-8")
PLAIN = {"GET /openapi.json", "GET /"}
"""Addresses that stand in no schema."""


def routes(home: Path) -> set[str]:
    paths = create_app(Settings(home=home)).openapi()["paths"]
    sockets = {f"WS {API}{each.path}" for each in events.sockets.routes if isinstance(each, WebSocketRoute)}
    return {f"{method.upper()} {path}" for path, methods in paths.items() for method in methods} | sockets | PLAIN


def commands(group: TyperGroup, name: str) -> Iterator[str]:
    for word, command in group.commands.items():
        if isinstance(command, TyperGroup):
            yield from commands(command, f"{name} {word}")
        else:
            yield f"{name} {word}"


def test_the_page_names_every_route_and_no_other(tmp_path: Path):
    told = set(re.findall(r"^\| `((?:GET|POST|DELETE|WS) [^`]+)` ", PAGE, re.MULTILINE))
    assert told == routes(tmp_path)


def test_the_page_names_every_command_and_no_other():
    told = set(re.findall(r"^\| `(clinq [^`]+)` ", PAGE, re.MULTILINE))
    group = get_command(app)
    assert isinstance(group, TyperGroup)
    assert told == set(commands(group, "clinq"))


@pytest.mark.parametrize("page", ["README.md", *(f"docs/{each.name}" for each in sorted(DOCS.glob("*.md")))])
def test_the_links_of_each_page_lead_somewhere(page: str):
    path = DOCS.parent / page
    text = path.read_text(encoding="utf-8")
    links = [each for each in re.findall(r"\]\(([^)\s]+)\)", text) if not re.match(r"\w+:", each)]
    for each in links:
        name, _, anchor = each.partition("#")
        target = path.parent / name if name else path
        assert target.exists(), each
        if anchor:
            headings = re.findall(r"^#+ (.*)$", target.read_text(encoding="utf-8"), re.MULTILINE)
            assert anchor in {re.sub(r"[^\w -]", "", heading.lower()).replace(" ", "-") for heading in headings}, each
