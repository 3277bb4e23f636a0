"""Weights in 4 or 8 bits are for CUDA; elsewhere the message says what to use instead."""

from __future__ import annotations

import pytest

from shared.errors import ModelUnavailableError
from shared.registry import ModelVersion
from worker.generate import quantised as module
from worker.generate.quantised import quantised
from worker.stage import Device


def wanting(bits: str) -> ModelVersion:
    return ModelVersion("llama-3_2-1b-instruct", "llama", options={"quantize": bits})


def test_a_model_that_does_not_ask_is_read_as_it_is() -> None:
    assert quantised(ModelVersion("smollm2", "llama"), Device("cuda:0")) is None


@pytest.mark.parametrize("bits", ["4bit", "8bit"])
def test_on_a_cpu_the_engine_to_use_instead_is_named(bits: str) -> None:
    with pytest.raises(ModelUnavailableError, match="ctranslate2"):
        quantised(wanting(bits), Device())


def test_on_a_gpu_without_the_library_its_installation_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "find_spec", lambda _name: None)
    with pytest.raises(ModelUnavailableError, match=r"pip install 'clinq\[cuda\]'"):
        quantised(wanting("4bit"), Device("cuda:0"))


def test_an_unknown_width_is_refused_with_the_known_ones() -> None:
    with pytest.raises(ModelUnavailableError, match="4bit, 8bit"):
        quantised(wanting("2bit"), Device("cuda:0"))


@pytest.mark.parametrize(("bits", "four", "eight"), [("4bit", True, False), ("8bit", False, True)])
def test_on_a_gpu_transformers_is_told(monkeypatch: pytest.MonkeyPatch, bits: str, four: bool, eight: bool) -> None:
    monkeypatch.setattr(module, "find_spec", lambda _name: object())
    config = quantised(wanting(bits), Device("cuda:0"))
    assert config is not None
    assert (config.load_in_4bit, config.load_in_8bit) == (four, eight)
