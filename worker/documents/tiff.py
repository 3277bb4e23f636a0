"""How many pages a TIFF has (TIFF 6.0, section 2: a chain of image file directories)."""

from __future__ import annotations

import struct

ORDERS = {b"II*\0": "<", b"MM\0*": ">"}
HEADER = 8  # bytes: the mark, and where the first directory stands
ENTRY = 12  # bytes of one entry of a directory
MOST = 10_000  # a longer chain is no document


def pages(data: bytes) -> int:
    """The number of directories; 1 for what is no TIFF. A chain that runs in a ring or off the file ends there."""
    order = ORDERS.get(data[:4])
    if order is None or len(data) < HEADER:
        return 1
    seen: set[int] = set()
    (at,) = struct.unpack_from(f"{order}I", data, 4)
    while at and at not in seen and len(seen) < MOST and at + 2 <= len(data):
        seen.add(at)
        (entries,) = struct.unpack_from(f"{order}H", data, at)
        end = at + 2 + entries * ENTRY
        at = struct.unpack_from(f"{order}I", data, end)[0] if end + 4 <= len(data) else 0
    return max(len(seen), 1)
