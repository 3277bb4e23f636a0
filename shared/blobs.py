"""Sealed recordings in a folder or an S3-compatible bucket, named by the hash of what is stored."""

from __future__ import annotations

import hashlib
import tempfile
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Protocol
from urllib.parse import unquote, urlsplit

import obstore
from obstore.exceptions import BaseError
from obstore.store import LocalStore, ObjectStore, from_url

from shared.errors import BackingServiceError, BlobMissingError

KEY_CHARS = 64  # SHA-256 in hex
SPOOL_BYTES = 8 << 20  # what stays in memory before a recording goes to a temporary file


@dataclass(frozen=True, slots=True)
class StoredBlob:
    """One recording as it lies there."""

    key: str
    size: int
    """Bytes."""
    at: datetime
    """When it was put there."""


class Blobs(Protocol):
    """Where recordings lie; keys are lower-case SHA-256 of the stored (sealed) bytes."""

    def put(self, pieces: Iterable[bytes]) -> str:
        """Store and return the key."""
        ...

    def get(self, key: str) -> Iterator[bytes]:
        """Read piece by piece."""
        ...

    def delete(self, key: str) -> None:
        """Remove; a missing one is no error."""
        ...

    def all(self) -> Iterator[StoredBlob]:
        """Everything that lies there."""
        ...


class ObstoreBlobs:
    """One implementation for folders and buckets: obstore speaks to both."""

    def __init__(self, store: ObjectStore) -> None:
        self._store = store

    def put(self, pieces: Iterable[bytes]) -> str:
        """Store and return the key. Raises BackingServiceError when the store is away."""
        digest = hashlib.sha256()
        with tempfile.SpooledTemporaryFile(max_size=SPOOL_BYTES) as spool:
            for piece in pieces:
                digest.update(piece)
                spool.write(piece)
            spool.seek(0)
            key = digest.hexdigest()
            try:
                obstore.put(self._store, _path(key), spool)
            except BaseError as error:
                raise BackingServiceError("the blob store did not take the recording; check CLINQ_BLOB_URL") from error
        return key

    def get(self, key: str) -> Iterator[bytes]:
        """Read piece by piece. Raises BackingServiceError when the store is away, BlobMissingError when it is gone."""
        try:
            for piece in obstore.get(self._store, _path(key)):
                yield bytes(piece)
        except FileNotFoundError as error:
            raise BlobMissingError("the recording is not in the blob store; check CLINQ_BLOB_URL") from error
        except BaseError as error:
            raise BackingServiceError("the blob store did not give the recording; check CLINQ_BLOB_URL") from error

    def delete(self, key: str) -> None:
        """Remove; a missing one is no error."""
        try:
            obstore.delete(self._store, _path(key))
        except FileNotFoundError:
            return
        except BaseError as error:
            raise BackingServiceError("the blob store did not remove the recording; check CLINQ_BLOB_URL") from error

    def all(self) -> Iterator[StoredBlob]:
        """Everything that lies there. Raises BackingServiceError when the store is away."""
        try:
            for some in obstore.list(self._store):
                for each in some:
                    key = each["path"].rpartition("/")[2]
                    if len(key) == KEY_CHARS and each["path"] == _path(key):  # nothing else is ours
                        yield StoredBlob(key, each["size"], each["last_modified"])
        except BaseError as error:
            raise BackingServiceError("the blob store did not list its recordings; check CLINQ_BLOB_URL") from error


def connect(url: str) -> Blobs:
    """The store at `file:///folder` or `s3://bucket/prefix` (credentials as the AWS tools find them)."""
    if url.startswith("file:"):
        folder = Path(unquote(urlsplit(url).path))
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        return ObstoreBlobs(LocalStore(str(folder)))
    return ObstoreBlobs(from_url(url))


def _path(key: str) -> str:
    return f"{key[:2]}/{key}"
