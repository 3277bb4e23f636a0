"""Prompts share a native call where that saves steps, and what they have in common is read once."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from worker.generate.batching import even, share
from worker.generate.writer import batches

LENGTHS = st.lists(st.integers(1, 300), max_size=40)


@given(LENGTHS, st.integers(1, 100), st.integers(1, 2000))
def test_every_row_is_in_one_batch_and_no_batch_is_over_its_budget(lengths: list[int], most: int, budget: int) -> None:
    for found in (even(lengths, most, budget), list(batches(lengths, most, budget))):
        assert sorted(row for batch in found for row in batch) == list(range(len(lengths)))
        for batch in found:
            assert len(batch) == 1 or len(batch) * (max(lengths[row] for row in batch) + most) <= budget


def test_prompts_of_like_length_share_a_call_and_others_do_not() -> None:
    found = even([100, 900, 101, 905, 99, 902], most_tokens=40, budget=8192)
    assert sorted(map(sorted, found)) == [[0, 2, 4], [1, 3, 5]]


def test_a_model_that_pads_reads_the_longest_first() -> None:
    assert list(batches([1, 9, 3, 8], 1, budget=20)) == [[1, 3], [2, 0]]


def test_what_is_kept_from_call_to_call_is_read_alone_where_the_rows_share_little() -> None:
    lead = list(range(100))
    shared = share(lead, [[200, 1], [200, 2]])
    assert (shared.lead, shared.rows, shared.keep) == (lead, [[200, 1], [200, 2]], True)


def test_rows_that_share_more_than_that_are_read_together() -> None:
    facts = list(range(100, 200))
    shared = share([1, 2], [[*facts, 7], [*facts, 8, 9], [*facts, 7]])
    assert (shared.lead, shared.rows, shared.keep) == ([1, 2, *facts], [[7], [8, 9], [7]], False)


def test_a_row_keeps_a_token_of_its_own() -> None:
    shared = share([], [[5, 6], [5, 6, 7]])
    assert (shared.lead, shared.rows) == ([5], [[6], [6, 7]])


@given(
    st.lists(st.integers(0, 3), max_size=4), st.lists(st.lists(st.integers(0, 1), min_size=1, max_size=6), min_size=1)
)
def test_nothing_of_a_prompt_is_lost_or_moved(lead: list[int], rows: list[list[int]]) -> None:
    shared = share(lead, rows)
    assert [shared.lead + each for each in shared.rows] == [lead + each for each in rows]
    assert all(shared.rows)
