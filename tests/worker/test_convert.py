"""The GGUF of the embedded profile becomes a folder that transformers loads."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from transformers import AutoTokenizer

from shared import pull, registry
from shared.settings import Settings

pytestmark = pytest.mark.models
NAME = "smollm2-135m-instruct"


def test_pulled_weights_wait_for_their_conversion_and_are_converted_once(tmp_path: Path):
    settings = Settings()
    manifest = registry.read(settings.manifest)
    pulled = {file.name for file in manifest.models[NAME].files} | {pull.STAMP}
    for model in manifest.needed("embedded"):
        (tmp_path / model).mkdir()
        for each in (settings.models_dir / model).iterdir():
            if model != NAME or each.name in pulled:
                (tmp_path / model / each.name).symlink_to(each)
    assert pull.missing(manifest, "embedded", tmp_path) == ()
    assert pull.unconverted(manifest, "embedded", tmp_path) == (NAME,)
    assert pull.convert(manifest, "embedded", tmp_path) == (NAME,)
    assert pull.convert(manifest, "embedded", tmp_path) == ()
    assert "quantization_config" not in json.loads((tmp_path / NAME / "config.json").read_text())
    chat = AutoTokenizer.from_pretrained(tmp_path / NAME).apply_chat_template(
        [{"role": "user", "content": "Hello"}], tokenize=False, add_generation_prompt=True
    )
    assert chat.endswith("<|im_start|>assistant\n")
