"""Recordings come back from a folder and from a bucket as they were stored."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest
from obstore.store import MemoryStore

from shared import blobs
from shared.blobs import Blobs, ObstoreBlobs
from shared.errors import BackingServiceError

PIECES = [b"a" * 3_000_000, b"b" * 7_000_000, b""]


@pytest.fixture(params=["folder", "bucket"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Blobs:
    if request.param == "folder":
        return blobs.connect((tmp_path / "with space" / "blobs").as_uri())
    return ObstoreBlobs(MemoryStore())  # obstore's own object store: the calls are those of S3


def test_a_recording_comes_back_under_the_hash_of_its_bytes(store: Blobs):
    key = store.put(PIECES)
    assert key == hashlib.sha256(b"".join(PIECES)).hexdigest()
    assert b"".join(store.get(key)) == b"".join(PIECES)


def test_a_deleted_recording_is_gone_and_deleting_again_is_no_error(store: Blobs):
    key = store.put([b"x"])
    store.delete(key)
    store.delete(key)
    with pytest.raises(BackingServiceError):
        list(store.get(key))


def test_an_s3_url_opens_a_bucket(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("AWS_REGION", "eu-central-1")
    assert isinstance(blobs.connect("s3://bucket/prefix"), ObstoreBlobs)
