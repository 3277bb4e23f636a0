"""BERT on ONNX Runtime: as near to PyTorch as it says, int8 refused where it is not, made once for each adapter."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from shared.errors import ModelUnavailableError
from shared.registry import ModelVersion
from tests.worker import tiny_bert, tiny_tagger
from worker import classifier, onnx_bert, onnx_export, tagger
from worker.classifier import About, Classifier
from worker.onnx_bert import REPORT, Distance, OnnxEncoder
from worker.stage import Device
from worker.stages import extract

TEXTS = ["the patient has a fever", "cough with wheeze and sputum . pain", "rash", "no sad heart , low mood ?"]
SENTENCES = ["the patient has Zorbitis and takes zorbafen", "no sad heart disease .", "a cough", "Zorbitis"]


@pytest.fixture(scope="module")
def tiny(tmp_path_factory) -> ModelVersion:
    """A small tagger with its encoder, as the registry names one."""
    base, adapter = tiny_tagger.make(tmp_path_factory.mktemp("models"))
    return ModelVersion("tiny", "onnx", path=base, adapter=adapter)


@pytest.fixture
def small(tmp_path: Path) -> Classifier:
    made = classifier.begin(tiny_bert.make(tmp_path / "tiny-bert"), About("tiny-bert", ("a", "b", "c")), seed=3)
    made.encoder = made.encoder.merge_and_unload()
    return made.eval()


def folder_with(tmp_path: Path, **distances: Distance) -> Path:
    report = {name: {"apart": each.apart, "same": each.same} for name, each in distances.items()}
    (tmp_path / REPORT).write_text(json.dumps(report))
    return tmp_path


def converted(model: ModelVersion) -> list[Path]:
    return sorted((model.path.parent / "converted").glob("onnx-*"))


def test_a_graph_scores_as_torch_does_whatever_the_length_of_rows_and_batches(small: Classifier, tmp_path: Path):
    reference = [small.score([text])[0] for text in TEXTS]
    distances = onnx_export.write(small, tmp_path)
    assert distances["float32"].apart < 1e-4
    assert distances["int8"].apart < 0.1
    small.encoder = OnnxEncoder(small.encoder, onnx_bert.session(tmp_path / "encoder.onnx", threads=1))
    for found in (small.score(TEXTS), [small.score([text])[0] for text in TEXTS]):
        assert torch.allclose(torch.tensor(found), torch.tensor(reference), atol=1e-4)


def test_the_report_beside_the_graphs_tells_how_far_each_is(small: Classifier, tmp_path: Path):
    distances = onnx_export.write(small, tmp_path)
    stored = json.loads((tmp_path / REPORT).read_text())
    assert {name: Distance(**each) for name, each in stored.items()} == distances


def test_a_broken_graph_is_told_by_its_distance():
    reference = [[0.9, 0.1], [0.2, 0.8]]
    assert onnx_export.distance(reference, [[0.2, 0.8], [0.2, 0.8]]) == Distance(pytest.approx(0.7), 0.5)


def test_int8_that_is_off_gives_way_to_float32_and_that_to_torch(tmp_path: Path):
    near, far = Distance(0.0, 1.0), Distance(0.5, 0.6)
    assert onnx_bert.precision_of(folder_with(tmp_path, int8=near, float32=near), "int8") == "int8"
    assert onnx_bert.precision_of(folder_with(tmp_path, int8=far, float32=near), "int8") == "float32"
    assert onnx_bert.precision_of(folder_with(tmp_path, int8=far, float32=far), "int8") is None
    assert onnx_bert.precision_of(folder_with(tmp_path, int8=near, float32=near), "float32") == "float32"


def test_a_tagger_is_converted_once_and_finds_what_torch_finds(tiny: ModelVersion):
    plain = tagger.read(tiny.path, tiny.adapter).tag(SENTENCES)
    quick = onnx_bert.read_tagger(tiny, Device())
    [folder] = converted(tiny)
    made_at = (folder / REPORT).stat().st_mtime_ns
    assert isinstance(quick.net.encoder, OnnxEncoder)
    assert [[(each.kind, each.start, each.end) for each in row] for row in quick.tag(SENTENCES)] == [
        [(each.kind, each.start, each.end) for each in row] for row in plain
    ]
    assert any(plain)
    onnx_bert.read_tagger(tiny, Device())
    assert (folder / REPORT).stat().st_mtime_ns == made_at


def test_the_worker_says_that_a_precision_was_refused_and_serves_by_the_next(tiny: ModelVersion, caplog, capsys):
    onnx_bert.read_tagger(tiny, Device())
    [folder] = converted(tiny)
    report = json.loads((folder / REPORT).read_text())
    (folder / REPORT).write_text(json.dumps({**report, "int8": {"apart": 0.9, "same": 0.1}}))
    try:
        quick = onnx_bert.read_tagger(tiny, Device())
    finally:
        (folder / REPORT).write_text(json.dumps(report))
    assert isinstance(quick.net.encoder, OnnxEncoder)
    assert "precision refused" in caplog.text + capsys.readouterr().out


def test_a_text_gives_the_same_facts_in_any_company(tiny: ModelVersion, case_of, desk):
    stage = extract.load(tiny, Device())
    assert stage.batch == 1  # the post hands over one case at a time: the batches of int8 are its own
    assert extract.load(replace(tiny, engine="bert"), Device()).batch > 1
    [read] = stage.run([case_of("The patient has Zorbitis and takes zorbafen.")], desk)
    assert read.models[-1].engine == "onnx"


def test_an_unknown_precision_or_a_missing_folder_says_what_to_do(tiny: ModelVersion):
    with pytest.raises(ModelUnavailableError, match="choose one of float32, int8"):
        onnx_bert.read_tagger(replace(tiny, options={"precision": "int4"}), Device())
    with pytest.raises(ModelUnavailableError, match="needs a path and an adapter"):
        onnx_bert.read_tagger(replace(tiny, adapter=None), Device())
