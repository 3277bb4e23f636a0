"""Where the source of the packages calls functions of `re`, and by which methods it uses what it compiled."""

from __future__ import annotations

import ast
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

REPOSITORY = Path(__file__).parent.parent
PACKAGES = ("api", "worker", "shared")
CALLS = frozenset({"compile", "search", "match", "fullmatch", "split", "findall", "finditer", "sub", "subn"})


@dataclass(frozen=True, slots=True)
class Call:
    """A call of a function of `re`."""

    where: str
    """File and line, e.g. shared/units.py:47."""
    function: str
    name: str | None
    """What the compiled expression is called, if it has a name."""
    literal: str | bytes | None
    """The expression, if it stands there in so many words."""


def calls() -> Iterator[Call]:
    """All calls in the packages."""
    for path, tree in _trees():
        given_names = [
            (node.targets[0].id, node.value)
            for node in ast.walk(tree)
            if isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name)
        ]
        names = {id(value): name for name, value in given_names}
        constants = {name: value for name, value in given_names if isinstance(value, ast.Constant)}
        for node in ast.walk(tree):
            if isinstance(node, ast.Call) and (function := _of_re(node.func)):
                given = node.args[0]
                given = constants.get(given.id, given) if isinstance(given, ast.Name) else given
                literal = given.value if isinstance(given, ast.Constant) else None
                literal = literal if isinstance(literal, (str, bytes)) else None
                yield Call(f"{path}:{node.lineno}", function, names.get(id(node)), literal)


def methods() -> dict[tuple[str, str], set[str]]:
    """By file and name, the methods that an expression is used by; a public name counts in every file."""
    found: dict[tuple[str, str], set[str]] = defaultdict(set)
    for path, tree in _trees():
        for node in ast.walk(tree):
            if isinstance(node, ast.Attribute) and node.attr in CALLS:
                name = node.value.attr if isinstance(node.value, ast.Attribute) else getattr(node.value, "id", "")
                found[path if name.startswith("_") else "", name].add(node.attr)
    return found


def _trees() -> Iterator[tuple[str, ast.Module]]:
    for package in PACKAGES:
        for path in sorted((REPOSITORY / package).rglob("*.py")):
            yield str(path.relative_to(REPOSITORY)), ast.parse(path.read_text(encoding="utf-8"))


def _of_re(called: ast.expr) -> str | None:
    if isinstance(called, ast.Attribute) and isinstance(called.value, ast.Name) and called.value.id == "re":
        return called.attr if called.attr in CALLS else None
    return None
