"""FHIR as JSON text: decimals keep the digits that they were written with (37.90 stays 37.90)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeAlias, cast

import simplejson

Resource: TypeAlias = dict[str, Any]


def write(resource: Mapping[str, Any]) -> str:
    """The resource as JSON text without spaces. Raises ValueError on NaN."""
    return simplejson.dumps(resource, use_decimal=True, ensure_ascii=False, allow_nan=False, separators=(",", ":"))


def read(stored: str | bytes) -> Resource:
    """The resource that `write` wrote, its numbers with a point as Decimals."""
    return cast("Resource", simplejson.loads(stored, use_decimal=True))
