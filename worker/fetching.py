"""Fetching a recording that a batch names by its address: checked, measured, and sealed with its job's key."""

from __future__ import annotations

import errno
import hashlib
import os
import stat
import tempfile
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path
from typing import IO, TYPE_CHECKING

import obstore
from obstore.exceptions import BaseError, InvalidPathError, NotFoundError
from obstore.store import S3Store
from tenacity import retry, retry_if_exception_type, stop_after_attempt, wait_random_exponential

from shared import audio_url
from shared.audio_url import Place
from shared.blobs import Blobs
from shared.crypto import CHUNK_BYTES, JobKey
from shared.errors import AudioNotFoundError, AudioTooLargeError, BackingServiceError
from shared.job import Audio
from shared.probe import Limits, probe
from shared.settings import Settings

if TYPE_CHECKING:
    from obstore.store import ClientConfig  # a type only: not there at run time

TRIES = 3  # within one attempt; a storage that stays away costs the job an attempt
CONNECT_S = timedelta(seconds=5)
SILENCE_S = timedelta(seconds=20)  # without a byte
WHOLE_S = timedelta(minutes=30)  # for one answer
AWAY = "the recording's storage did not answer; check the credentials and CLINQ_AUDIO_SOURCES"
MISSING = "nothing that the worker may read lies at the recording's address"
NOT_THERE = frozenset({errno.ENOENT, errno.ENOTDIR, errno.ELOOP, errno.EACCES, errno.EPERM, errno.ENAMETOOLONG})


def fetch(settings: Settings, blobs: Blobs, key: JobKey, url: str, heard: Callable[[], None] = lambda: None) -> Audio:
    """Bring the recording at this address into the blob store; `heard` is called with each piece that has come.

    Raises AudioNotAllowedError, AudioNotFoundError, BadAudioError as the probe does (AudioTooLargeError for its size),
    and BackingServiceError while a storage is away.
    """
    place = audio_url.place(url, settings.audio_sources)
    with tempfile.TemporaryFile() as copy:  # without a name: nothing of it is left when this process is killed
        sha256, size = _download(place, copy, settings.max_audio_bytes, heard)
        measured = probe(Path(f"/dev/fd/{copy.fileno()}"), Limits(duration_s=settings.max_audio_s))
        copy.seek(0)
        stored = blobs.put(key.seal_chunks(iter(lambda: copy.read(CHUNK_BYTES), b"")))
    return Audio(
        blob=stored,
        content_type=measured.content_type,
        sha256=sha256,
        size_bytes=size,
        duration_s=measured.duration_s,
        channels=measured.channels,
        sample_rate_hz=measured.sample_rate_hz,
    )


@retry(
    retry=retry_if_exception_type(BackingServiceError),
    stop=stop_after_attempt(TRIES),
    wait=wait_random_exponential(multiplier=0.2, max=2.0),
    reraise=True,
)
def _download(place: Place, copy: IO[bytes], most: int, heard: Callable[[], None]) -> tuple[str, int]:
    """Copy the recording; its SHA-256 and its bytes."""
    digest, size = hashlib.sha256(), 0
    copy.seek(0)
    copy.truncate()
    for piece in _file(place) if place.scheme == "file" else _object(place, most):
        heard()
        size += len(piece)
        if size > most:
            raise _too_large(most)
        digest.update(piece)
        copy.write(piece)
    copy.flush()
    return digest.hexdigest(), size


def _object(place: Place, most: int) -> Iterator[bytes]:
    """The object's bytes; credentials and endpoint come from where the AWS tools find them."""
    how: ClientConfig = {"connect_timeout": CONNECT_S, "read_timeout": SILENCE_S, "timeout": WHOLE_S}
    how["allow_http"] = True  # for an endpoint that the operator names as such; the default one speaks TLS
    try:
        store = S3Store(place.root, client_options=how, retry_config={"max_retries": 1})
        found = obstore.get(store, place.key)
        if found.meta["size"] > most:
            raise _too_large(most)
        for piece in found.stream(min_chunk_size=CHUNK_BYTES):
            yield bytes(piece)
    except (NotFoundError, InvalidPathError, FileNotFoundError) as error:
        raise AudioNotFoundError(MISSING) from error
    except BaseError as error:
        raise BackingServiceError(AWAY) from error


def _file(place: Place) -> Iterator[bytes]:
    """The file's bytes, reached without following a link below the source."""
    try:
        folder = os.open(place.root, os.O_RDONLY | os.O_DIRECTORY)
    except OSError as error:
        raise BackingServiceError(AWAY) from error  # a share that is not mounted may come back
    try:
        file = _reach(folder, place.parts)
        try:
            if not stat.S_ISREG(os.fstat(file).st_mode):
                raise AudioNotFoundError(MISSING)
            yield from iter(lambda: os.read(file, CHUNK_BYTES), b"")
        finally:
            os.close(file)
    except OSError as error:
        if error.errno in NOT_THERE:
            raise AudioNotFoundError(MISSING) from error
        raise BackingServiceError(AWAY) from error


def _reach(folder: int, parts: tuple[str, ...]) -> int:
    """Open the last part, folder by folder; a link on the way is an error, whoever may put it there meanwhile."""
    try:
        for name in parts[:-1]:
            inner = os.open(name, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW, dir_fd=folder)
            os.close(folder)
            folder = inner
        return os.open(parts[-1], os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK, dir_fd=folder)
    finally:
        os.close(folder)


def _too_large(most: int) -> AudioTooLargeError:
    return AudioTooLargeError(f"the recording is larger than {most} bytes: send a compressed or a shorter one")
