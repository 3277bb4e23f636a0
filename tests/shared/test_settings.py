"""Settings: production refuses weak secrets, a home makes its own, each value has one name."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from pydantic import ValidationError

from shared import home
from shared.crypto import new_master_key
from shared.job import StageName
from shared.settings import Environment, Settings


@pytest.mark.parametrize("given", [{}, {"secret_key": "short"}, {"secret_key": "x" * 32}])
def test_production_does_not_start_without_long_secrets(given: dict[str, str]):
    with pytest.raises(ValidationError) as refused:
        Settings.model_validate({"environment": "production", **given})
    assert "CLINQ_" in str(refused.value)


def test_production_starts_with_its_own_secrets(tmp_path: Path):
    settings = Settings.model_validate(
        {
            "environment": Environment.PRODUCTION,
            "secret_key": "x" * 32,
            "master_keys": new_master_key(),
            "home": tmp_path,
        }
    )
    assert home.secrets(settings).secret_key == "x" * 32
    assert not (tmp_path / home.FILE).exists()


def test_a_development_home_makes_its_secrets_once(tmp_path: Path):
    settings = Settings(home=tmp_path / "home")
    with ThreadPoolExecutor(8) as pool:
        made = {each.secret_key for each in pool.map(lambda _: home.secrets(settings), range(8))}
    assert len(made) == 1
    assert (tmp_path / "home" / home.FILE).stat().st_mode & 0o777 == 0o600


def test_an_engine_is_chosen_by_stage_from_the_environment(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("CLINQ_ENGINES", "summarize=llama,transcribe=openai-whisper")
    assert Settings().engines == {StageName.SUMMARIZE: "llama", StageName.TRANSCRIBE: "openai-whisper"}


def test_every_setting_says_what_it_is():
    silent = [name for name, field in Settings.model_fields.items() if not field.description]
    assert silent == []
