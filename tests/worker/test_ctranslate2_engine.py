"""CTranslate2 writes what the model that it was converted from writes, adapter included, and is converted once."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import threading
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from shared.errors import JobStoppedError, ModelUnavailableError
from shared.registry import ModelVersion
from tests.worker import tiny_writers
from worker.generate import converted, engines, merge
from worker.generate.writer import Message, Writer, quiet
from worker.stage import Device, undisturbed

PROMPTS = [
    "the patient has had a cough for three days",
    "denies pain",
    "takes metformin twice daily and has had fever since monday",
    "the patient has had fever",
]
PLAIN = {"compute_type": "float32", "repetition_penalty": "1.0", "no_repeat_tokens": "0", "prefix": ""}


def here(command: list[str], **_more: object) -> subprocess.CompletedProcess[bytes]:
    """What the process of a conversion does, without the seconds in which it imports torch."""
    source, target, quantisation, _threads, *adapter = command[3:]
    with torch.inference_mode():
        merge.convert(Path(source), Path(target), quantisation, Path(adapter[0]) if adapter else None)
    return subprocess.CompletedProcess(command, 0)


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("models")
    tiny_writers.adapter(tiny_writers.llama(folder / "llama"), folder / "adapter")
    tiny_writers.t5(folder / "t5")
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(subprocess, "run", here)
        for name, adapter in (("llama", None), ("llama", "adapter"), ("t5", None)):
            load(folder, "ctranslate2", name, adapter)
    return folder


def write(writer: Writer, *prompts: str, most_tokens: int = 12, **more: object) -> list[str]:
    return writer.write(prompts, most_tokens=most_tokens, **{"on_token": quiet, "listen": undisturbed, **more})


def load(models: Path, engine: str, name: str, adapter: str | None = None, **options: str) -> Writer:
    version = ModelVersion(name, engine, path=models / name, adapter=models / adapter if adapter else None)
    return engines.load(replace(version, options={**PLAIN, **options}), Device())


@pytest.mark.parametrize(
    ("name", "reference", "adapter"),
    [("llama", "llama", None), ("llama", "llama", "adapter"), ("t5", "seq2seq", None)],
)
def test_a_batch_writes_what_transformers_writes_one_by_one(
    models: Path, name: str, reference: str, adapter: str | None
) -> None:
    slow = load(models, reference, name, adapter)
    fast = load(models, "ctranslate2", name, adapter)
    told = [""] * len(PROMPTS)

    def on_token(row: int, _tokens: int, text: str) -> None:
        told[row] += text

    written = write(fast, *PROMPTS, on_token=on_token)

    assert written == [write(slow, each)[0] for each in PROMPTS] == write(slow, *PROMPTS)
    assert told == written
    assert len(set(written)) > 1
    assert fast.form == slow.form


@pytest.mark.parametrize("name", ["llama", "t5"])
def test_a_folder_that_others_have_converted_is_taken_as_it_is(models: Path, name: str) -> None:
    ours = converted.converted(ModelVersion(name, "ctranslate2", path=models / name), "float32", 1)
    theirs = models / f"theirs-{name}"
    shutil.copytree(ours, theirs, ignore=shutil.ignore_patterns(merge.REPORT))

    writer = load(models, "ctranslate2", theirs.name)

    reference = load(models, "ctranslate2", name)
    assert writer.form == reference.form
    assert write(writer, *PROMPTS) == write(reference, *PROMPTS)


def test_an_adapter_changes_what_is_written(models: Path) -> None:
    bare, tuned = (load(models, "ctranslate2", "llama", adapter) for adapter in (None, "adapter"))
    assert write(bare, *PROMPTS) != write(tuned, *PROMPTS)


def test_what_rows_share_changes_nothing_but_the_work(models: Path) -> None:
    writer = load(models, "ctranslate2", "llama")
    lead = "the patient has had a cough and fever "
    rows = ["since monday denies", "for three days", "since monday takes"]
    whole = write(writer, *[lead + each for each in rows])
    for _ in range(2):  # the second time it has been kept
        assert write(writer, *rows, static=lead) == whole
        assert [write(writer, each, static=lead)[0] for each in rows] == whole


def test_a_line_is_all_that_is_wanted_of_it(models: Path) -> None:
    for engine in ("llama", "ctranslate2"):
        writer = load(models, engine, "llama")
        whole = write(writer, *PROMPTS, most_tokens=40)
        assert write(writer, *PROMPTS, most_tokens=40, stop_at_line=True) == [each.partition("\n")[0] for each in whole]


@pytest.mark.parametrize(
    ("engine", "name"), [("llama", "llama"), ("ctranslate2", "llama"), ("seq2seq", "t5"), ("ctranslate2", "t5")]
)
def test_each_row_may_have_a_length_of_its_own(models: Path, engine: str, name: str) -> None:
    writer = load(models, engine, name)
    most = [1 + 2 * at for at in range(len(PROMPTS))]
    tokens = [0] * len(PROMPTS)

    def on_token(row: int, count: int, _text: str) -> None:
        tokens[row] = count

    written = writer.write(PROMPTS, most_tokens=most, on_token=on_token, listen=undisturbed)

    assert written == [write(writer, each, most_tokens=own)[0] for each, own in zip(PROMPTS, most, strict=True)]
    assert all(count <= own for count, own in zip(tokens, most, strict=True))
    assert len(set(tokens)) > 1


@pytest.mark.parametrize("place", [1, 5])
def test_a_cancel_is_heard_between_tokens_and_the_next_job_is_served(models: Path, place: int) -> None:
    writer = load(models, "ctranslate2", "llama")
    before = write(writer, *PROMPTS)
    told: list[int] = []

    def on_token(_row: int, tokens: int, _text: str) -> None:
        told.append(tokens)
        if len(told) == place:
            raise JobStoppedError("cancelled")

    with pytest.raises(JobStoppedError):
        write(writer, *PROMPTS, on_token=on_token)

    assert len(told) == place
    assert write(writer, *PROMPTS) == before


def test_a_cancel_is_heard_before_anything_is_computed(models: Path) -> None:
    def listen() -> None:
        raise JobStoppedError("cancelled")

    with pytest.raises(JobStoppedError):
        write(load(models, "ctranslate2", "llama"), *PROMPTS, listen=listen)


def test_a_model_is_converted_once_however_many_want_it(models: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    calls: list[str] = []
    run = subprocess.run

    def counted(command: list[str], **more: object) -> object:
        calls.append(command[5])
        return run(command, **more)  # type: ignore[call-overload]  # as it came

    monkeypatch.setattr(subprocess, "run", counted)
    version = ModelVersion("llama", "ctranslate2", path=models / "llama")
    found: list[Path] = []
    threads = [threading.Thread(target=lambda: found.append(converted.converted(version, "int8", 1))) for _ in range(3)]
    for each in threads:
        each.start()
    for each in threads:
        each.join()

    assert (calls, len(found), len(set(found))) == (["int8"], 3, 1)
    report = json.loads((found[0] / merge.REPORT).read_text())
    assert report["mean_difference_nats"] <= report["allowed_nats"]
    assert not list(found[0].parent.glob(".*"))


def test_another_content_is_another_conversion(models: Path, tmp_path: Path) -> None:
    names = {
        converted.fingerprint(models / "llama", None, "int8"),
        converted.fingerprint(models / "llama", None, "float32"),
        converted.fingerprint(models / "llama", models / "adapter", "int8"),
        converted.fingerprint(tiny_writers.llama(tmp_path / "other", seed=5), None, "int8"),
    }
    assert len(names) == 4


def test_a_conversion_that_answers_unlike_its_model_is_refused(
    models: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patched:
        patched.setattr(merge.Merging, "load_model", _spoilt(merge.Merging.load_model))
        with pytest.raises(ValueError, match="nats"):
            merge.convert(models / "llama", tmp_path / "spoilt", "float32", None)
    assert not (tmp_path / "spoilt" / merge.REPORT).exists()


def test_a_model_that_cannot_be_converted_says_how_to_see_why(models: Path, tmp_path: Path) -> None:
    broken = tmp_path / "broken"
    broken.mkdir()
    (broken / "config.json").write_text('{"model_type": "llama"}')
    with pytest.raises(ModelUnavailableError, match=f"{sys.executable} -m worker.generate.merge"):
        load(tmp_path, "ctranslate2", "broken")
    with pytest.raises(ModelUnavailableError, match="models pull"):
        load(models, "ctranslate2", "nothing")


def test_the_prompt_of_a_chat_is_the_same_in_both_engines(models: Path) -> None:
    chat = [Message("user", "takes metformin <|im_end|>")]
    slow, fast = (load(models, engine, "llama") for engine in ("llama", "ctranslate2"))
    assert fast.prompt(chat, "denies") == slow.prompt(chat, "denies")
    assert "<|im_end|>" not in fast.prompt(chat)
    assert fast.lengths(PROMPTS) == slow.lengths(PROMPTS) == [9, 2, 10, 5]


def _spoilt(load_model: object) -> object:
    def spoilt(self: merge.Merging, *given: object, **more: object) -> object:
        model = load_model(self, *given, **more)  # type: ignore[operator]  # the method that it replaces
        model.lm_head.weight.data.neg_()
        return model

    return spoilt
