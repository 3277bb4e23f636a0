"""Encryption at rest: what is sealed opens only with its own key, place and purpose."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.crypto import Keyring, WrappedKey, new_master_key
from shared.errors import DecryptionError

RING = Keyring.parse(new_master_key())


def test_a_record_opens_only_for_its_own_job_and_purpose():
    wrapped, key = RING.new("tenant", "job-1")
    sealed = key.seal(b"secret", "result")
    assert RING.unwrap(wrapped, "tenant", "job-1").open(sealed, "result") == b"secret"
    with pytest.raises(DecryptionError):
        key.open(sealed, "payload")
    with pytest.raises(DecryptionError):
        RING.unwrap(wrapped, "tenant", "job-2")
    with pytest.raises(DecryptionError):
        RING.unwrap(wrapped, "another", "job-1")


def test_two_seals_of_one_text_differ():
    _, key = RING.new("tenant", "job")
    assert key.seal(b"same", "case_file") != key.seal(b"same", "case_file")


def test_a_rotated_master_key_still_opens_old_rows():
    old, new = new_master_key(), new_master_key().replace("k1:", "k2:")
    wrapped, key = Keyring.parse(old).new("tenant", "job")
    sealed = key.seal(b"secret", "result")
    both = Keyring.parse(f"{new},{old}")
    assert both.unwrap(wrapped, "tenant", "job").open(sealed, "result") == b"secret"
    assert both.new("tenant", "next")[0].key_id == "k2"


def test_a_missing_master_key_is_named_as_such():
    wrapped, _ = RING.new("tenant", "job")
    with pytest.raises(DecryptionError, match="not configured"):
        RING.unwrap(WrappedKey("k9", wrapped.wrapped), "tenant", "job")


@pytest.mark.parametrize("text", ["", "k1", "k1:abc", "k1:AAAA", ":" + "A" * 44])
def test_a_malformed_master_key_is_refused(text: str):
    with pytest.raises(ValueError, match=r"."):
        Keyring.parse(text)


@given(st.lists(st.binary(max_size=40), max_size=8), st.integers(1, 17))
def test_a_recording_comes_back_whatever_the_pieces(pieces: list[bytes], cut: int):
    _, key = RING.new("tenant", "job")
    sealed = b"".join(key.seal_chunks(pieces))
    again = [sealed[i : i + cut] for i in range(0, len(sealed), cut)]
    assert b"".join(key.open_chunks(again)) == b"".join(pieces)


def test_a_recording_cut_short_reordered_or_changed_is_refused():
    _, key = RING.new("tenant", "job")
    first, second, third = key.seal_chunks([b"a", b"b", b"c"])
    for broken in ([first, second], [second, first, third], [first, third], [first, second, third[:-1] + b"\0"], []):
        with pytest.raises(DecryptionError):
            list(key.open_chunks(broken))
