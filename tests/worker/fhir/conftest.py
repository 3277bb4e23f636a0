"""The note that everybody tests with."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from shared.case import Case
from tests.worker.fhir import cases


@pytest.fixture
def note(case_of: Callable[..., Case]) -> Case:
    return cases.read(case_of(cases.NOTE, language="en"))
