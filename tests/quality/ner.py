"""Strict F1 of the shipped tagger on the development sets of bc5cdr and ncbi-disease."""

from __future__ import annotations

import os
from pathlib import Path

import torch

from shared import registry
from shared.errors import ModelUnavailableError
from shared.job import StageName
from shared.settings import Settings
from tests.quality.report import SCORE_HEADINGS, Gate, Part, Score, Table
from worker import onnx_bert
from worker.stage import Device
from worker.training import ner_data, ner_report
from worker.training.ner_data import BC5CDR, NCBI
from worker.training.ner_report import NerScore, Tally

GOAL = 0.80
TEXT = """
The token classifier that ships with the `embedded` profile ({name} with the adapter `worker/weights/ner`), read in
int8 on ONNX Runtime as the worker reads it, on the development sets of BC5CDR (chemicals and diseases, {bc5cdr:,}
sentences) and of the NCBI disease corpus (diseases only, {ncbi:,} sentences). An entity is right when its kind, its
first and its last word are;
F1 is micro, as CoNLL 2003 counts. It learnt from the training sets of both; these sentences only chose the epoch.
Abstracts are not notes: what the tagger may add to a note is ruled by `worker/clinical/tagged.py`.
"""


def measure(data: Path) -> Part:
    """The gate of NER, with a row for each kind and corpus."""
    torch.set_num_threads(os.cpu_count() or 1)  # nothing else runs beside it
    settings = Settings()
    manifest = registry.read(settings.manifest)
    engines = {StageName.EXTRACT: "onnx"}
    model = registry.plan(manifest, "embedded", settings.models_dir, engines)[StageName.EXTRACT]
    if model.path is None or model.adapter is None:
        raise ModelUnavailableError("the profile names no weights for extract")
    read = onnx_bert.read_tagger(model, Device(threads=os.cpu_count() or 1))
    held = {name: ner_data.sentences(data, name, "devel") for name in (BC5CDR, NCBI)}
    scores = {name: ner_report.score(read, mine) for name, mine in held.items()}
    wanted = scores[BC5CDR].micro
    return Part(
        title="Diseases and chemicals by the token classifier",
        text=TEXT.format(name=model.name, bc5cdr=len(held[BC5CDR]), ncbi=len(held[NCBI])),
        gates=[Gate("NER F1, bc5cdr devel", wanted.f1, GOAL, of=wanted.wanted)],
        tables=[Table(SCORE_HEADINGS, [row for name, each in scores.items() for row in _rows(name, each)])],
    )


def _rows(corpus: str, scored: NerScore) -> list[tuple[str, ...]]:
    rows = [_counted(each).row(f"{corpus}, {kind}") for kind, each in scored.kinds.items()]
    return [*rows, _counted(scored.micro).row(f"{corpus}, all")] if len(rows) > 1 else rows


def _counted(tally: Tally) -> Score:
    return Score(tally.right, tally.found - tally.right, tally.wanted - tally.right)
