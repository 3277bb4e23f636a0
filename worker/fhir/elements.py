"""FHIR elements as plain dictionaries: nothing empty, text that JSON and XML carry, decimals as the note has them."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import TypeAlias

from shared import fhir_json

Value: TypeAlias = "str | bool | int | Decimal | Sequence[Value] | Mapping[str, Value]"
Element: TypeAlias = "Mapping[str, Value]"

# Control characters, half surrogates and non-characters; and rare spaces, which a FHIR string's pattern refuses.
_UNPRINTABLE = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\ud800-\udfff\ufffe\uffff]|[^\S \t\r\n]")


def element(**fields: Value | None) -> dict[str, Value]:
    """The fields that hold something; a trailing underscore frees a name that Python keeps (`class_`)."""
    return {
        name.rstrip("_"): value
        for name, value in fields.items()
        if value is not None and not (isinstance(value, str | Sequence | Mapping) and len(value) == 0)
    }


def clean(text: str) -> str:
    """Words of the note as a FHIR string: each character that it cannot hold is a space, none stands outside."""
    return _UNPRINTABLE.sub(" ", text).strip()


def write(resource: Element) -> str:
    """The resource as JSON text; a Decimal keeps its digits (37.90 stays 37.90). Raises ValueError on NaN."""
    return fhir_json.write(resource)


def read(stored: str) -> dict[str, Value]:
    """The resource that `write` wrote, with Decimals."""
    return fhir_json.read(stored)
