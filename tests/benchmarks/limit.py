"""How near each stage of a text comes to what this machine can do: operations and bytes over measured peaks."""

from __future__ import annotations

import json
import tempfile
import time
from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, cast

import numpy as np
import onnx
import torch
from onnx import TensorProto, helper, numpy_helper
from torch import nn

from shared.job import StageName
from shared.registry import ModelVersion
from tests.benchmarks import bursts
from tests.benchmarks.table import Row
from worker import onnx_bert
from worker.bench import Bench
from worker.generate.writer import Writer

SIDE = 1024
ROWS = 512
COPY_BYTES = 256 << 20
ROUNDS = 7
JOBS = 16
LAYERS = 6
"""Of MiniLM; its inner width is four times its width, as in every BERT."""


@dataclass(frozen=True, slots=True)
class Peaks:
    """What one thread does at best, measured now."""

    float_ops: float
    """Operations per second of a float32 matmul by torch."""
    int8_ops: float
    """The same in int8 by ONNX Runtime."""
    copied: float
    """Bytes per second that a copy reads and writes."""


@dataclass
class Work:
    """What stages asked of the machine, by operations and bytes."""

    ops: defaultdict[str, float] = field(default_factory=lambda: defaultdict(float))
    read: defaultdict[str, float] = field(default_factory=lambda: defaultdict(float))


def measure(tell: Callable[[str], None]) -> list[Row]:
    """The peaks, and for each stage the share of them that it reaches."""
    torch.set_num_threads(1)
    peaks = peak()
    rates = f"float32 {peaks.float_ops / 1e9:.0f} GFLOP/s, int8 {peaks.int8_ops / 1e9:.0f} GOP/s"
    tell(f"{rates}, {peaks.copied / 1e9:.1f} GB/s")
    stages = bursts.pipeline()
    texts = bursts.sample(bursts.texts(), JOBS)
    bursts.run(stages, texts[:1])
    work = Work()
    _watch(stages, work)
    ran = bursts.run(stages, texts, at_once=JOBS)
    of_stage = ((stage.value, seconds / len(texts)) for stage, seconds in ran.by_stage.items())
    return [*_peak_rows(peaks), *(_row(name, seconds, work, peaks, len(texts)) for name, seconds in of_stage)]


def peak() -> Peaks:
    """The machine's rates on one thread: the best of some rounds, since anything else running only slows them."""
    one = torch.rand(SIDE, SIDE)
    floats = 2.0 * SIDE**3 / _best(lambda: one @ one)
    with tempfile.TemporaryDirectory() as folder:
        graph = onnx_bert.session(_int8_matmul(Path(folder) / "matmul.onnx"), threads=1)
        rows = np.random.default_rng(1).integers(0, 255, (ROWS, SIDE), dtype=np.uint8)
        ints = 2.0 * ROWS * SIDE * SIDE / _best(lambda: graph.run(None, {"a": rows}))
    source, target = np.ones(COPY_BYTES, np.uint8), np.empty(COPY_BYTES, np.uint8)
    return Peaks(floats, ints, 2.0 * COPY_BYTES / _best(lambda: np.copyto(target, source)))


def _int8_matmul(path: Path) -> Path:
    weights = np.random.default_rng(2).integers(-63, 63, (SIDE, SIDE), dtype=np.int8)
    node = helper.make_node("MatMulInteger", ["a", "b"], ["c"])
    given = helper.make_tensor_value_info("a", TensorProto.UINT8, ["rows", SIDE])
    made = helper.make_tensor_value_info("c", TensorProto.INT32, ["rows", SIDE])
    graph = helper.make_graph([node], "matmul", [given], [made], [numpy_helper.from_array(weights, "b")])
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8), path)
    return path


def _best(act: Callable[[], object]) -> float:
    seconds = []
    for _ in range(ROUNDS):
        began = time.process_time()
        act()
        seconds.append(time.process_time() - began)
    return min(seconds[1:])


def _watch(stages: Bench, work: Work) -> None:
    """Count what encoders and writers are asked, by the shapes of their inputs and the formulas of their layers."""
    for name, stage in stages.stages.items():
        for net in _nets(stage):
            net.register_forward_hook(_counter(name, work))
        if (writer := getattr(stage, "writer", None)) is not None:
            cast("Any", stage).writer = CountedWriter(writer, name, work, stage.model)


def _nets(stage: Any) -> list[nn.Module]:
    tagger, scorer, headers = (getattr(stage, each, None) for each in ("tagger", "_scorer", "_headers"))
    found = [tagger and tagger.net, scorer, headers and headers._scorer]
    return [each.encoder for each in found if each is not None]


def _counter(name: StageName, work: Work) -> Callable[[nn.Module, Any, Any], None]:
    def count(_encoder: nn.Module, _given: object, hidden: Any) -> None:
        rows, tokens, width = hidden.last_hidden_state.shape
        work.ops[name.value] += encoder_ops(rows, tokens, width, layers=LAYERS)

    return count


class CountedWriter:
    """A writer whose prompts and texts are counted."""

    def __init__(self, writer: Writer, name: StageName, work: Work, model: ModelVersion) -> None:
        if model.path is None:
            raise RuntimeError(f"the writer of {name.value} has no weights")
        self._writer = writer
        self._name, self._work = name.value, work
        self._weights = weights(json.loads((model.path / "config.json").read_text()))
        self._bytes = 1 if model.engine == "ctranslate2" else 4

    def __getattr__(self, name: str) -> Any:
        return getattr(self._writer, name)

    def write(self, prompts: Sequence[str], **asked: Any) -> list[str]:
        """See Writer: each prompt costs two operations a weight and token, each step reads all weights once."""
        written = self._writer.write(prompts, **asked)
        self._work.ops[self._name] += 2.0 * self._weights * sum(self._writer.lengths(prompts))
        self._work.read[self._name] += float(
            self._bytes * self._weights * max(self._writer.lengths(written), default=0)
        )
        return written


def encoder_ops(rows: int, tokens: int, width: int, *, layers: int) -> float:
    """Operations of a BERT encoder: 12 weights a layer and square of the width, two operations each, and attention."""
    return rows * tokens * layers * (2.0 * 12 * width * width + 4.0 * tokens * width)


def weights(config: dict[str, Any]) -> float:
    """Weights that each token passes in a Llama or T5, by its config.json; the table of words counts once."""
    width = float(config.get("hidden_size") or config["d_model"])
    inner = float(config.get("intermediate_size") or config["d_ff"])
    layers = float(config.get("num_hidden_layers") or config["num_layers"])
    shared = float(config.get("num_key_value_heads") or 1) / float(config.get("num_attention_heads") or 1)
    attention = width * width * (2 + 2 * shared)
    return layers * (attention + 3 * width * inner) + width * float(config["vocab_size"])


def _peak_rows(peaks: Peaks) -> list[Row]:
    note = "one thread, CPU time, best of six"
    return [
        Row("this machine: float32 matmul", peaks.float_ops / 1e9, "", True, f"{note}; torch, 1024 cubed", " GFLOP/s"),
        Row("this machine: int8 matmul", peaks.int8_ops / 1e9, "", True, f"{note}; ONNX Runtime", " GOP/s"),
        Row("this machine: copy", peaks.copied / 1e9, "", True, f"{note}; read and written, 256 MB", " GB/s"),
    ]


def _row(name: str, seconds: float, work: Work, peaks: Peaks, jobs: int) -> Row:
    ops, read = work.ops[name] / jobs, work.read[name] / jobs
    if not ops:
        return Row(f"{name}: time of a job", seconds, "", True, "rules: no matrix products to hold it against", " s")
    least = ops / peaks.int8_ops + read / peaks.copied
    note = f"a job: {ops / 1e9:.2f} GOP and {read / 1e9:.2f} GB of weights read, {least * 1000:.0f} ms at the peaks"
    return Row(
        f"{name}: share of the machine's limit", least / seconds, "", True, f"{note}; {seconds * 1000:.0f} measured"
    )
