"""What a running generation tells the world after each token, and when it stops by itself."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, field

from transformers import PreTrainedTokenizerBase

from worker.generate.writer import OnRow, first_line

OnToken = Callable[[int, str], None]
"""The same for a single prompt: how many tokens there are, and the text that the last one added."""

LONGEST_LOOP = 24
LOOP_TURNS = 3
"""A stretch of at most so many tokens, said so many times in a row, is a loop."""
AGAIN = 12
"""So many tokens that stood in the text before, in the same order: it begins to say again what it has said."""


@dataclass(slots=True)
class Row:
    """What one row has written so far."""

    ids: list[int] = field(default_factory=list)
    told: str = ""
    ended: bool = False


@dataclass(frozen=True, slots=True)
class Rows:
    """The rows of one batch: which prompt each belongs to, who is told, and how many tokens each may have."""

    places: Sequence[int]
    on_token: OnRow
    most: Sequence[int]


class Unfolding:
    """Follows the rows of one batch token by token, tells of each and says which rows have ended."""

    def __init__(
        self,
        tokenizer: PreTrainedTokenizerBase,
        rows: Rows,
        ends: Collection[int],
        *,
        stop_at_line: bool,
    ) -> None:
        """`ends` are the tokens that end a text."""
        self._tokenizer = tokenizer
        self._shown = rows
        self._ends = ends
        self._stop_at_line = stop_at_line
        self._rows = [Row() for _ in rows.places]

    def add(self, at: int, token: int) -> bool:
        """Take the next token of a row; whether that row has ended."""
        row = self._rows[at]
        if row.ended:
            return True
        row.ids.append(token)
        text = str(self._tokenizer.decode(row.ids, skip_special_tokens=True))
        whole = "" if text.endswith("\ufffd") else text[len(row.told) :]  # half a character waits for its end
        row.told += whole
        is_full = len(row.ids) >= self._shown.most[at]
        row.ended = is_full or token in self._ends or loops(row.ids) or (self._stop_at_line and "\n" in whole)
        self._shown.on_token(self._shown.places[at], len(row.ids), whole)
        return row.ended

    def texts(self) -> list[str]:
        """What each row has written."""
        written = [str(self._tokenizer.decode(row.ids, skip_special_tokens=True)) for row in self._rows]
        return [first_line(text) for text in written] if self._stop_at_line else written


def loops(tokens: Sequence[int]) -> bool:
    """Whether the tail repeats itself at once, or for long what was said anywhere before."""
    return _says_again(tokens) or any(
        len(tokens) >= LOOP_TURNS * period
        and all(tokens[-period:] == tokens[-(turn + 1) * period : -turn * period] for turn in range(1, LOOP_TURNS))
        for period in range(1, LONGEST_LOOP + 1)
    )


def _says_again(tokens: Sequence[int]) -> bool:
    tail = list(tokens[-AGAIN:])
    return any(list(tokens[at : at + AGAIN]) == tail for at in range(len(tokens) - AGAIN))
