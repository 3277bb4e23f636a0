"""Which prompts go into one native call of CTranslate2, and which of their tokens are read once for all of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from worker.generate.writer import Most, of_each

STEP_COST, ROW_COST = 12, 1
"""What a decoding step costs in any batch, and more for each row: SmolLM2-135M in int8 on one thread takes 22, 28, 38
and 46 ms a step for 1, 4, 8 and 16 rows of short prompts, about 20 + 1.6 a row. Prompts cost the same in any batch."""
LIKELY = 2
"""A text is likely to end after this part of the tokens that it may take."""


@dataclass(frozen=True, slots=True)
class Shared:
    """Rows of tokens behind what they have in common."""

    lead: list[int]
    rows: list[list[int]]
    keep: bool
    """Whether the lead comes again in other calls, so that what reading it left is worth keeping."""


def even(lengths: Sequence[int], most_tokens: Most, budget: int) -> list[list[int]]:
    """The rows in batches at the least cost.

    A causal batch of CTranslate2 reads at once what its shortest prompt is long; what the others have more is fed
    token by token, each a decoding step of the whole batch. Alike lengths therefore share a batch and unlike ones do
    not, where the division costs the fewest steps. Rows of a batch together with what may be written stay below
    `budget` tokens.
    """
    order = sorted(range(len(lengths)), key=lambda row: lengths[row])
    most = of_each(most_tokens, len(lengths))
    least, begins = [0.0], [0]  # of the first n rows: their cost, and where their last batch begins
    longer = 0
    for end in range(1, len(order) + 1):
        longest = lengths[order[end - 1]]
        longer = max(longer, most[order[end - 1]])
        room = max(1, budget // (longest + longer))
        likely = max(1, longer // LIKELY)
        costs = {
            begin: least[begin] + (likely + longest - lengths[order[begin]]) * (STEP_COST + ROW_COST * (end - begin))
            for begin in range(max(0, end - room), end)
        }
        best = min(costs, key=costs.__getitem__)
        least.append(costs[best])
        begins.append(best)
    found: list[list[int]] = []
    end = len(order)
    while end:
        found.append(order[begins[end] : end])
        end = begins[end]
    return found


def share(lead: list[int], rows: Sequence[list[int]]) -> Shared:
    """What to read once: the lead alone, if it has been read before, or all that the rows begin with.

    Keeping the lead saves it in later calls; reading more than it together saves that once for each row but the first.
    """
    common = _common(rows)
    if len(rows) > 1 and len(lead) < (len(rows) - 1) * common:
        return Shared(lead + rows[0][:common], [row[common:] for row in rows], keep=False)
    if lead and all(rows):
        return Shared(lead, list(rows), keep=True)
    return Shared([], [lead + row for row in rows], keep=False)


def _common(rows: Sequence[list[int]]) -> int:
    """Tokens that all rows begin with; each keeps one behind them."""
    first, last = min(rows), max(rows)
    most = min(map(len, rows)) - 1
    return next((at for at in range(most) if first[at] != last[at]), max(0, most))
