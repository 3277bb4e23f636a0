"""Encryption at rest: AES-256-GCM, one key a job, wrapped by a master key.

Destroying a job's wrapped key makes everything it sealed unreadable for good (crypto-shredding, NIST SP 800-88).
A sealed record is nonce (12 bytes) + ciphertext + tag; its associated data bind it to tenant, job and purpose.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import os
import struct
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from shared.errors import DecryptionError

NONCE_BYTES = 12
KEY_BYTES = 32
TAG_BYTES = 16
CHUNK_BYTES = 1 << 20  # 1 MiB of recording a chunk


@dataclass(frozen=True, slots=True)
class WrappedKey:
    """A job's key as the row holds it."""

    key_id: str
    wrapped: bytes


class JobKey:
    """The key of one job, ready to seal and open what belongs to it."""

    def __init__(self, key: bytes, tenant: str, job_id: str) -> None:
        self._cipher = AESGCM(key)
        self._bound = f"{tenant}|{job_id}|".encode()

    def seal(self, plain: bytes, purpose: str) -> bytes:
        """Encrypt one record; `purpose` (payload, case, result ...) must be the same when it is opened."""
        nonce = os.urandom(NONCE_BYTES)
        return nonce + self._cipher.encrypt(nonce, plain, self._bound + purpose.encode())

    def open(self, sealed: bytes, purpose: str) -> bytes:
        """Decrypt one record. Raises DecryptionError when it was changed or belongs elsewhere."""
        try:
            return self._cipher.decrypt(sealed[:NONCE_BYTES], sealed[NONCE_BYTES:], self._bound + purpose.encode())
        except (InvalidTag, ValueError) as error:
            raise DecryptionError("a stored record cannot be opened with its job's key") from error

    def seal_chunks(self, plain: Iterable[bytes]) -> Iterator[bytes]:
        """Encrypt a recording piece by piece; each piece knows its place and whether it is the last one."""
        held: bytes | None = None
        number = 0
        for piece in plain:
            if held is not None:
                yield self._framed(held, number, last=False)
                number += 1
            held = piece
        yield self._framed(held or b"", number, last=True)

    def open_chunks(self, sealed: Iterable[bytes]) -> Iterator[bytes]:
        """Decrypt what seal_chunks made. Raises DecryptionError when pieces are missing, moved or changed."""
        number, ended, rest = 0, False, bytearray()
        for piece in sealed:
            rest += piece
            while len(rest) >= 4 and len(rest) - 4 >= (size := struct.unpack_from(">I", rest)[0]):
                record, ended = bytes(rest[4 : 4 + size]), False
                del rest[: 4 + size]
                plain = self.open(record, f"chunk|{number}")
                ended = plain[:1] == b"\x01"
                yield plain[1:]
                number += 1
        if rest or not ended:
            raise DecryptionError("a stored recording is incomplete")

    def _framed(self, plain: bytes, number: int, *, last: bool) -> bytes:
        record = self.seal((b"\x01" if last else b"\x00") + plain, f"chunk|{number}")
        return struct.pack(">I", len(record)) + record


class Keyring:
    """The master keys: the first one wraps new job keys, every one unwraps."""

    def __init__(self, master_keys: dict[str, bytes]) -> None:
        self._masters = {key_id: AESGCM(key) for key_id, key in master_keys.items()}
        self._current = next(iter(master_keys))

    @classmethod
    def parse(cls, text: str) -> Keyring:
        """Read `id:base64,id:base64`. Raises ValueError when a key is not 32 bytes."""
        keys: dict[str, bytes] = {}
        for entry in text.split(","):
            key_id, _, encoded = entry.strip().partition(":")
            keys[key_id] = base64.b64decode(encoded, validate=True)
            if not key_id or len(keys[key_id]) != KEY_BYTES:
                raise ValueError("each master key is written id:base64 of 32 bytes")
        return cls(keys)

    def new(self, tenant: str, job_id: str) -> tuple[WrappedKey, JobKey]:
        """Make a key for a new job."""
        key = os.urandom(KEY_BYTES)
        nonce = os.urandom(NONCE_BYTES)
        wrapped = nonce + self._masters[self._current].encrypt(nonce, key, f"{tenant}|{job_id}".encode())
        return WrappedKey(self._current, wrapped), JobKey(key, tenant, job_id)

    def unwrap(self, stored: WrappedKey, tenant: str, job_id: str) -> JobKey:
        """The job's key. Raises DecryptionError when its master key is not here or the row was changed."""
        master = self._masters.get(stored.key_id)
        if master is None:
            raise DecryptionError("the master key that wrapped this job's key is not configured")
        nonce, wrapped = stored.wrapped[:NONCE_BYTES], stored.wrapped[NONCE_BYTES:]
        try:
            return JobKey(master.decrypt(nonce, wrapped, f"{tenant}|{job_id}".encode()), tenant, job_id)
        except (InvalidTag, ValueError) as error:
            raise DecryptionError("the job's key was destroyed or changed") from error


class Fingerprint:
    """Hashes by which equal content is found again; keyed, so that nobody can try out texts against them."""

    def __init__(self, secret: str) -> None:
        """`secret` signs tokens too: what is used here is derived from it."""
        self._keyed = hmac.digest(secret.encode(), b"clinq fingerprint", "sha256")

    def of(self, *parts: bytes) -> str:
        """HMAC-SHA-256 (RFC 2104) of the parts, in lower-case hex; each part counts by itself, not only their sum."""
        keyed = hmac.new(self._keyed, digestmod=hashlib.sha256)
        for part in parts:
            keyed.update(struct.pack(">Q", len(part)))
            keyed.update(part)
        return keyed.hexdigest()


def new_master_key() -> str:
    """A fresh master key as CLINQ_MASTER_KEYS wants it."""
    return f"k1:{base64.b64encode(os.urandom(KEY_BYTES)).decode()}"
