"""Weights are brought into the forms that engines run before a worker starts, and what is missing is said."""

from __future__ import annotations

from pathlib import Path

import pytest

from worker import prepare


@pytest.mark.parametrize(("profile", "status"), [("rules", 0), ("embedded", 1)])
def test_what_cannot_be_prepared_ends_it_with_status_one(profile, status, monkeypatch, tmp_path: Path):
    monkeypatch.setenv("CLINQ_PROFILE", profile)
    monkeypatch.setenv("CLINQ_MODELS_DIR", str(tmp_path))
    assert prepare.main() == status
