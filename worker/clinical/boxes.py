"""Tick boxes of forms: what stands beside an empty one is printed there, and said of nobody."""

from __future__ import annotations

import re
from collections.abc import Iterator

from worker.clinical.finding import Stretch

_BOX = re.compile(r"(?P<empty>[☐□▢◻○]|\[ ?\]|\( \))|[☒☑▣■✓✔✗✘●]|\[[x*]\]|\([x*]\)")
_LINE = re.compile(r"[^\n]+")


def unticked(text: str) -> Iterator[Stretch]:
    """The labels of empty boxes in a folded text, in their order.

    Boxes stand before their labels where the first stands at the start of its line or behind a colon and none at the
    end, else behind them.
    """
    for line in _LINE.finditer(text):
        boxes = list(_BOX.finditer(text, line.start(), line.end()))
        if not any(each.group("empty") for each in boxes):
            continue
        before, behind = text[line.start() : boxes[0].start()], text[boxes[-1].end() : line.end()]
        leads = bool(behind.strip(" .,;\r")) and not before.rpartition(":")[2].strip(" \t-*•")
        edges = [line.start(), *(each.end() for each in boxes)]
        for number, box in enumerate(boxes):
            following = boxes[number + 1].start() if number + 1 < len(boxes) else line.end()
            if box.group("empty"):
                yield Stretch(box.end(), following) if leads else Stretch(edges[number], box.start())
