"""Write an encoder as ONNX graphs and measure how far they are from PyTorch; `python -m worker.onnx_export` runs it."""

from __future__ import annotations

import json
import sys
import warnings
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Literal, cast

import onnx
import torch
from onnxruntime.quantization import QuantType, quantize_dynamic  # type: ignore[import-untyped]  # it ships no types
from onnxruntime.quantization.quant_utils import (  # type: ignore[import-untyped]  # it ships no types
    add_pre_process_metadata,
)
from torch import Tensor, nn
from transformers import PreTrainedModel

from worker import classifier, tagger_net
from worker.classifier import Classifier
from worker.onnx_bert import GRAPHS, REPORT, Distance, OnnxEncoder, session
from worker.tagger_net import TaggerNet
from worker.tagger_words import words

Kind = Literal["classifier", "tagger"]
OPSET = 17
INPUTS = ("vectors", "mask")
TEXTS = (
    "Patient is a 45-year-old man with a moderate headache for three days. Denies vomiting or fever.",
    "Chest pain that radiates to the left arm, worse on exertion. Takes metformin 500 mg twice daily and lisinopril.",
    "Doctor: Any allergies? Patient: Yes, penicillin gives me a rash. Doctor: And your asthma? Patient: No attacks.",
    "History of type 2 diabetes mellitus, hypertension and chronic kidney disease stage 3. Nonsmoker.",
    "Depressed mood and poor sleep since she lost her job; no thoughts of suicide. Started sertraline 50 mg.",
    "Eczema of both hands.",
    "The knee is swollen and tender after a fall from a ladder. X-ray shows no fracture. Ice, rest and ibuprofen.",
    "Burning on urination and frequency for two days. Urine dipstick positive for nitrites. Nitrofurantoin for 5 days.",
    "Mother died of breast cancer at 52. Father has coronary artery disease and a pacemaker.",
    "Cisplatin-induced nephrotoxicity was prevented by hydration with saline and magnesium sulfate.",
    "Dolor abdominal de dos días, con náuseas y vómitos. Niega fiebre. Toma omeprazol 20 mg al día.",
    "BP 142/91, pulse 88, temperature 37.9 C, saturation 97 % on room air. Lungs clear, heart regular, no murmur. "
    "Abdomen soft, no tenderness. No focal weakness, gait normal. Plan: blood count, ferritin, follow-up in two weeks.",
)
"""What both are read with to tell them apart: made up for this."""


class _Hidden(nn.Module):
    """An encoder of which only the last layer is wanted."""

    def __init__(self, encoder: PreTrainedModel) -> None:
        super().__init__()
        self.encoder = encoder

    def forward(self, vectors: Tensor, mask: Tensor) -> Tensor:
        """Vectors (rows, tokens, width) and mask (rows, tokens) to hidden states."""
        hidden: Tensor = self.encoder(inputs_embeds=vectors, attention_mask=mask).last_hidden_state
        return hidden


def write(net: Classifier | TaggerNet, folder: Path) -> dict[str, Distance]:
    """Both graphs of the net's encoder, and a report of how far each is from it; the net ends with the second one."""
    encoder = net.encoder
    if not isinstance(encoder, PreTrainedModel):
        raise TypeError("only an encoder that is merged can be written: read the adapter first")
    reference = answers(net)
    _export(encoder, folder / GRAPHS["float32"])
    _quantise(folder / GRAPHS["float32"], folder / GRAPHS["int8"])
    distances = {}
    for precision, name in GRAPHS.items():
        net.encoder = OnnxEncoder(encoder, session(folder / name, threads=1))
        distances[precision] = distance(reference, answers(net))
    report = {precision: asdict(each) for precision, each in distances.items()}
    (folder / REPORT).write_text(json.dumps(report, indent=2) + "\n", encoding="utf-8")
    return distances


@torch.inference_mode()
def answers(net: Classifier | TaggerNet) -> list[list[float]]:
    """What the net makes of the texts: a row of probabilities for each text, or for each word."""
    if isinstance(net, Classifier):
        return [net.score([text])[0] for text in TEXTS]
    rows = net.encode([[text[span.start : span.end] for span in words(text)] for text in TEXTS])
    return [row for each in rows for row in net([each])[0][0].softmax(-1).tolist()]


def distance(reference: Sequence[Sequence[float]], found: Sequence[Sequence[float]]) -> Distance:
    """The greatest difference of two probabilities, and how often the likeliest label is the same."""
    apart = max(
        abs(a - b) for one, other in zip(reference, found, strict=True) for a, b in zip(one, other, strict=True)
    )
    same = sum(one.index(max(one)) == other.index(max(other)) for one, other in zip(reference, found, strict=True))
    return Distance(apart, same / len(reference))


def _export(encoder: PreTrainedModel, path: Path) -> None:
    encoder.set_attn_implementation("eager")  # written out in plain steps, which any opset has
    width = cast("nn.Embedding", encoder.get_input_embeddings()).embedding_dim
    example = torch.zeros(2, 7, width), torch.tensor([[1] * 7, [1] * 5 + [0] * 2])
    axes = {0: "rows", 1: "tokens"}
    with warnings.catch_warnings():  # tracing warns of each shape that it reads; the distance says whether it matters
        warnings.simplefilter("ignore")
        torch.onnx.export(
            _Hidden(encoder).eval(),
            example,
            str(path),
            input_names=list(INPUTS),
            output_names=["hidden"],
            dynamic_axes={**dict.fromkeys(INPUTS, axes), "hidden": axes},
            opset_version=OPSET,
            dynamo=False,
        )


def _quantise(source: Path, target: Path) -> None:
    graph = onnx.load(source)
    add_pre_process_metadata(graph)  # shapes are not inferred first: the weights are plain constants already
    quantize_dynamic(
        graph,
        str(target),
        per_channel=True,
        reduce_range=True,  # seven bits: on AVX2 without VNNI the sums of two products of eight bits would overflow
        weight_type=QuantType.QInt8,
        nodes_to_exclude=_narrowing(graph),
    )


def _narrowing(graph: onnx.ModelProto) -> list[str]:
    """The layers that make vectors narrower: what goes into them has outliers, and eight bits lose most there.

    With MiniLM and the tagger this brings the greatest difference from 0.25 to 0.17, and F1 to that of float32; with
    the classifier from 0.19 to 0.07. It costs half of what int8 gains.
    """
    shapes = {each.name: tuple(each.dims) for each in graph.graph.initializer}
    weighed = [(each.name, shapes.get(each.input[1], ())) for each in graph.graph.node if each.op_type == "MatMul"]
    return [name for name, shape in weighed if len(shape) == 2 and shape[0] > shape[1]]


def main(kind: str, base: str, adapter: str, folder: str) -> None:
    """Write the graphs of a classifier's or a tagger's folder."""
    torch.set_num_threads(1)
    if kind == "tagger":
        write(tagger_net.read(Path(base), Path(adapter)), Path(folder))
    else:
        write(classifier.read(Path(base), Path(adapter), device="cpu"), Path(folder))


if __name__ == "__main__":
    main(*sys.argv[1:])
