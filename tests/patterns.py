"""`python -m tests.patterns`: every regular expression that the packages compile, as JSON, and how each is used.

The functions of `re` are watched while all modules are imported and made notes pass through the rules. A call that none
of this reaches is read from the source.
"""

from __future__ import annotations

import json
import pkgutil
import re
import subprocess
import sys
from collections.abc import Callable
from dataclasses import asdict, dataclass
from importlib import import_module
from pathlib import Path
from typing import Any

from tests.pattern_calls import CALLS, PACKAGES, REPOSITORY, Call, calls, methods

AT_ONE_PLACE = {"match", "fullmatch"}

Seen = dict[tuple[str | bytes, int], str]
"""Where an expression with these flags was compiled."""


@dataclass(frozen=True, slots=True)
class Used:
    """A regular expression: the file and line that compile it, and whether it is tried at one place of a text only."""

    where: str
    pattern: str
    flags: int
    in_bytes: bool
    at_one_place: bool

    def compiled(self) -> re.Pattern[Any]:
        """The expression itself."""
        pattern: Any = self.pattern.encode("latin-1") if self.in_bytes else self.pattern
        return re.compile(pattern, self.flags)


def used() -> tuple[list[Used], list[str]]:
    """All expressions, and the places of calls that were neither reached nor could be read."""
    command = [sys.executable, "-m", "tests.patterns"]
    done = subprocess.run(command, cwd=REPOSITORY, stdout=subprocess.PIPE, text=True, check=True)
    told = json.loads(done.stdout)
    return [Used(**each) for each in told["used"]], told["unseen"]


def main() -> None:
    """Watch, import, read notes, and print what was seen."""
    seen: Seen = {}
    _watch(seen)
    for package in PACKAGES:
        for module in pkgutil.walk_packages(import_module(package).__path__, f"{package}."):
            if not module.name.endswith("__main__"):  # would run
                import_module(module.name)
    import_module("tests.pattern_notes").read_notes()  # imported late, for it imports what is watched
    reached, by_place = {*seen.values()}, {each.where: each for each in calls()}
    missed = [each for each in by_place.values() if each.where not in reached]
    for each in missed:
        if each.literal is not None:
            seen.setdefault((each.literal, 0), each.where)
    ways = methods()
    found = [asdict(_used(*key, where, by_place.get(where), ways)) for key, where in seen.items()]
    sys.stdout.write(json.dumps({"used": found, "unseen": [each.where for each in missed if each.literal is None]}))


def _watch(seen: Seen) -> None:
    """Take down what each function of `re` is given, and the line in the packages that does so."""
    compiled = re.compile

    def watched(function: Callable[..., Any]) -> Callable[..., Any]:
        def call(pattern: Any, *given: Any, **named: Any) -> Any:
            frame = sys._getframe(1)
            path = Path(frame.f_code.co_filename)
            if path.is_relative_to(REPOSITORY) and path.relative_to(REPOSITORY).parts[0] in PACKAGES:
                flags = named.get("flags", given[0] if function is compiled and given else 0)
                known = compiled(pattern, flags)
                seen.setdefault((known.pattern, known.flags), f"{path.relative_to(REPOSITORY)}:{frame.f_lineno}")
            return function(pattern, *given, **named)

        return call

    for name in CALLS:
        setattr(re, name, watched(getattr(re, name)))


def _used(
    pattern: str | bytes, flags: int, where: str, call: Call | None, ways: dict[tuple[str, str], set[str]]
) -> Used:
    path, tried = where.partition(":")[0], set[str]()
    if call is not None and call.name:
        tried = ways.get((path if call.name.startswith("_") else "", call.name), set())
    elif call is not None:
        tried = {call.function}
    text = pattern.decode("latin-1") if isinstance(pattern, bytes) else pattern
    return Used(where, text, flags, isinstance(pattern, bytes), bool(tried) and tried <= AT_ONE_PLACE)


if __name__ == "__main__":
    main()
