"""Every word of the hand-checked tables counts: none stands behind another that takes its place."""

from __future__ import annotations

from worker.clinical.terminology import ALIASES, DATA
from worker.clinical.tokens import key


def test_no_word_stands_twice_in_the_tables() -> None:
    rows = [
        (table, number, line.split("\t"))
        for table in ALIASES
        for number, line in enumerate((DATA / table).read_text(encoding="utf-8").splitlines(), start=1)
        if not line.startswith("#")
    ]
    first: dict[str, tuple[str, int]] = {}
    again = []
    for table, number, (*_, english, spanish) in rows:
        words = {word for word in (*english.split("|"), *spanish.split("|")) if word}
        for name in {key(word) for word in words if not word.startswith("=") and not word.replace(" ", "").isupper()}:
            if name in first:
                again.append((name, first[name], (table, number)))
            first.setdefault(name, (table, number))
    assert again == []


def test_every_row_has_a_word() -> None:
    for table in ALIASES:
        for line in (DATA / table).read_text(encoding="utf-8").splitlines():
            assert line.startswith("#") or any(line.split("\t")[4:6]), (table, line)
