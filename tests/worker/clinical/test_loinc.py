"""Every LOINC code that a measured value can get has its form and its check digit, and no two names share one."""

from __future__ import annotations

import tomllib
from collections.abc import Iterator

from shared.terminologies import LOINC, is_code
from worker.clinical.terminology import DATA


def measured() -> Iterator[tuple[str, str]]:
    for table in ("vitals.toml", "laboratory.toml"):
        for concept, row in tomllib.loads((DATA / table).read_text(encoding="utf-8")).items():
            codes = row["loinc"]
            yield from ((concept, code) for code in (codes.values() if isinstance(codes, dict) else codes) if code)


def test_every_loinc_code_of_a_measured_value_has_its_check_digit() -> None:
    assert [pair for pair in measured() if not is_code(LOINC, pair[1])] == []


def test_no_two_measured_values_share_a_loinc_code() -> None:
    pairs = set(measured())
    assert len(pairs) == len({code for _, code in pairs})


def test_a_code_with_another_check_digit_is_found() -> None:
    assert not any(is_code(LOINC, f"{code[:-1]}{(int(code[-1]) + 1) % 10}") for _, code in measured())
