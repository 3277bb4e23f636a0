"""Texts that are hard for one regular expression, made from its own parse tree, and whether its work outgrows them."""

from __future__ import annotations

import re
import signal
import time
from collections.abc import Callable, Iterator, Sequence
from itertools import islice, product
from re import _constants as op  # type: ignore[attr-defined]
from re import _parser  # type: ignore[attr-defined]
from types import FrameType
from typing import Any

SIZE = 600
"""Characters of the short text; the long one has four times as many."""
WORST_RATIO = 8.0
"""Four times the text takes a linear expression 4 times as long, a quadratic one 16 times."""
WORTH_MEASURING_S = 0.0003
TIMES, TRIALS = 3, 4
"""The fastest of so many readings counts; all of so many trials must show growth, so that no busy moment does."""
ENOUGH_S = 1.0
"""An exponential one is stopped after so much processor time."""

LIKELY = "a1 \n.,-/:'(é\tA_\"[#*\r\u00a0|&"
"""Characters tried first as members of a class, so that classes that overlap get the same one."""
PIECES = ("a", " ", "1", "\n", "a ", "1 ", "1/", "1,111,", "- ", ", ", "and ", "no, ", "1-1 ", "a.", "12 mg ", "\r\n ")
ENDS = ("", "\x00")
EXAMPLES, PUMPS = 4, 40

REPEATS = {op.MAX_REPEAT, op.MIN_REPEAT, op.POSSESSIVE_REPEAT}
CATEGORIES = {
    op.CATEGORY_DIGIT: re.compile(r"\d"),
    op.CATEGORY_NOT_DIGIT: re.compile(r"\D"),
    op.CATEGORY_SPACE: re.compile(r"\s"),
    op.CATEGORY_NOT_SPACE: re.compile(r"\S"),
    op.CATEGORY_WORD: re.compile(r"\w"),
    op.CATEGORY_NOT_WORD: re.compile(r"\W"),
}

Node = tuple[Any, Any]


def hostile(pattern: re.Pattern[Any]) -> Iterator[tuple[str, str, str]]:
    """Beginning, piece to repeat and end of texts that the expression may look through again and again."""
    tree = list(_parser.parse(pattern.pattern, pattern.flags))
    pieces = dict.fromkeys((*PIECES, *_classes(tree), *_beginnings(tree)))
    for piece, end in product(islice((each for each in pieces if each), 3 * PUMPS), ENDS):
        yield "", piece, end
    for (before, body), end in product(islice(dict.fromkeys(_repeats(tree, [""] * EXAMPLES)), PUMPS), ENDS):
        yield before, body or " ", end
        yield "", before + body or " ", end


def outgrows(pattern: re.Pattern[Any], *, at_one_place: bool = False) -> str | None:
    """The hostile text that the expression reads in more than linear time, if there is one.

    With `at_one_place` it is tried at the beginning only, else it is looked for all over the text.
    """
    tried = _beginning if at_one_place else _everywhere
    flat = _flat if isinstance(pattern.pattern, str) else _bytes
    for before, piece, end in hostile(pattern):

        def text(size: int, parts: tuple[str, str, str] = (before, piece, end)) -> Any:
            first, repeated, last = parts
            return flat(first + repeated * (size // len(repeated) + 1) + last)

        if grows(lambda given: tried(pattern, given), text):
            return f"{before!r} + {piece!r} * n + {end!r}"
    return None


def grows(act: Callable[[Any], object], text: Callable[[int], Any], size: int = SIZE, times: int = TIMES) -> bool:
    """Whether four times the text takes far more than four times as long, however often one looks."""
    try:
        with _stopped_after(ENOUGH_S):
            if seconds(act, text(4 * size), 1) < WORTH_MEASURING_S:
                return False
            sizes = [size << trial for trial in range(TRIALS)]
            return all(
                seconds(act, text(4 * each), times) > WORST_RATIO * seconds(act, text(each), times) for each in sizes
            )
    except TimeoutError:
        return True


def seconds(act: Callable[[Any], object], text: Any, times: int = TIMES) -> float:
    """Processor time of the fastest of some runs: what the act costs, not what else the machine had to do."""
    taken = []
    for _ in range(times):
        before = time.thread_time()
        act(text)
        taken.append(time.thread_time() - before)
    return min(taken)


def _everywhere(pattern: re.Pattern[Any], text: Any) -> None:
    for _ in pattern.finditer(text):
        pass


def _beginning(pattern: re.Pattern[Any], text: Any) -> None:
    pattern.match(text)
    pattern.fullmatch(text)


class _stopped_after:  # noqa: N801 - it reads as what it does
    """Raise TimeoutError in the block once it has taken so much processor time."""

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds

    def __enter__(self) -> None:
        self._old = signal.signal(signal.SIGVTALRM, self._stop)
        signal.setitimer(signal.ITIMER_VIRTUAL, self._seconds)

    def __exit__(self, *_: object) -> None:
        signal.setitimer(signal.ITIMER_VIRTUAL, 0)
        signal.signal(signal.SIGVTALRM, self._old)

    def _stop(self, number: int, frame: FrameType | None) -> None:
        raise TimeoutError


def _repeats(tree: Sequence[Node], before: Sequence[str]) -> Iterator[tuple[str, str]]:
    """What stands before each open repeat and what it repeats, in a few spellings."""
    for place, (name, value) in enumerate(tree):
        here = [start + _example(tree[:place], turn) for turn, start in enumerate(before)]
        if name in REPEATS and value[1] == op.MAXREPEAT:
            yield from ((start, _example(value[2], turn)) for turn, start in enumerate(here))
        for inner in _inner(name, value):
            yield from _repeats(inner, here)


def _inner(name: Any, value: Any) -> Sequence[Sequence[Node]]:
    """The sequences of which a node is made."""
    if name in REPEATS:
        return [list(value[2])]
    if name is op.BRANCH:
        return [list(each) for each in value[1]]
    if name is op.SUBPATTERN:
        return [list(value[3])]
    if name is op.ATOMIC_GROUP:
        return [list(value)]
    return [list(value[1])] if name in {op.ASSERT, op.ASSERT_NOT} else []


def _example(tree: Sequence[Node], turn: int) -> str:
    """A short text that the sequence fits; other turns choose other characters, branches and counts."""
    return "".join(_spelled(name, value, turn) for name, value in tree)


def _spelled(name: Any, value: Any, turn: int) -> str:
    if name is op.LITERAL:
        return chr(value)
    if name in {op.IN, op.NOT_LITERAL, op.ANY}:
        members = _members_of(name, value)
        return members[turn % len(members)] if members else ""
    if name in REPEATS:
        return _example(value[2], turn) * max(value[0], turn % 2)
    if name is op.ASSERT and value[0] < 0:
        return _example(value[1], turn)
    choices = [] if name in {op.ASSERT, op.ASSERT_NOT} else _inner(name, value)
    return _example(choices[turn * 7 % len(choices)], turn) if choices else ""


def _members_of(name: Any, value: Any) -> list[str]:
    if name is op.ANY:
        return list(LIKELY)
    items = [(op.NEGATE, None), (op.LITERAL, value)] if name is op.NOT_LITERAL else value
    told = [chr(part[0] if isinstance(part, tuple) else part) for kind, part in items if kind in {op.LITERAL, op.RANGE}]
    negated = items[0][0] is op.NEGATE
    return [each for each in dict.fromkeys((*LIKELY, *told)) if any(_is(each, *one) for one in items) is not negated]


def _is(char: str, kind: Any, part: Any) -> bool:
    if kind is op.LITERAL:
        return ord(char) == part
    if kind is op.RANGE:
        return bool(part[0] <= ord(char) <= part[1])
    return kind is op.CATEGORY and CATEGORIES[part].match(char) is not None


def _classes(tree: Sequence[Node]) -> Iterator[str]:
    """Some members of each class of characters."""
    for name, value in tree:
        if name in {op.IN, op.NOT_LITERAL, op.ANY}:
            yield from _members_of(name, value)[:EXAMPLES]
        for inner in _inner(name, value):
            yield from _classes(inner)


def _beginnings(tree: Sequence[Node]) -> Iterator[str]:
    """What fits the whole, and each part of it that comes before the rest."""
    for turn, place in product(range(EXAMPLES), range(len(tree), 0, -1)):
        yield _example(tree[:place], turn)
        yield _example(tree[:place], turn)[:-1]


def _flat(text: str) -> str:
    return text


def _bytes(text: str) -> bytes:
    return text.encode("latin-1", "replace")
