"""The signature of a delivery: HMAC-SHA-256 over time and body, so that a receiver knows who wrote it and when."""

from __future__ import annotations

import hashlib
import hmac
import time
from collections.abc import Sequence

SIGNATURE = "Clinq-Signature"
DELIVERY = "Clinq-Delivery"
TOLERANCE_S = 300.0
MOST_SIGNATURES = 8  # that are looked at in one header


def sign(secrets: Sequence[str], body: bytes, *, at: int) -> str:
    """The header's value: `t=<unix seconds>` and one `v1=<hex>` for each live secret."""
    return ",".join([f"t={at}", *(f"v1={_digest(secret, at, body)}" for secret in secrets)])


def verify(
    secret: str, header: str, body: bytes, tolerance_s: float = TOLERANCE_S, *, now: float | None = None
) -> bool:
    """Whether a delivery was signed with this secret, at most `tolerance_s` seconds ago; for receivers in Python.

    `header` is the value of Clinq-Signature and `body` the bytes as they came, before any JSON is read.
    """
    parts = [part.strip().partition("=") for part in header.split(",")]
    times = [value for name, _, value in parts if name == "t"]
    signatures = [value for name, _, value in parts if name == "v1"][:MOST_SIGNATURES]
    if len(times) != 1 or not times[0].isascii() or not times[0].isdigit() or len(times[0]) > len("9999999999"):
        return False
    at = int(times[0])
    if abs((time.time() if now is None else now) - at) > tolerance_s:
        return False
    expected = _digest(secret, at, body).encode()
    return any(hmac.compare_digest(expected, each.encode()) for each in signatures)


def _digest(secret: str, at: int, body: bytes) -> str:
    return hmac.new(secret.encode(), b"%d." % at + body, hashlib.sha256).hexdigest()
