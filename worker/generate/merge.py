"""Merge a LoRA adapter into its model and write both as one CTranslate2 folder, checked against the original.

Run as `python -m worker.generate.merge MODEL TARGET QUANTISATION THREADS [ADAPTER]`, as a process of its own: the
memory that it takes (three copies of the weights in float32) goes back to the machine when it ends.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import ctranslate2
import torch
from ctranslate2.converters import TransformersConverter
from ctranslate2.specs.model_spec import ModelSpec
from peft import PeftModel
from transformers import AutoTokenizer, PreTrainedModel, PreTrainedTokenizerBase
from transformers.utils.logging import disable_progress_bar

from worker.generate.following import ends
from worker.generate.smoothing import smooth

REPORT = "conversion.json"
"""Written last: where it lies, the folder is whole."""
FAR = {"float32": 0.01, "float16": 0.05, "bfloat16": 0.2}
FAR_INT8 = 0.5
"""How far, in nats, the log probability of a token may lie from the original's, as a mean over PROBES. A model that
CTranslate2 builds wrongly (a scaling of positions that it does not know, a tied layer that is not) is nats away."""
PROBES = (
    "The patient has had a cough and a mild fever for three days and takes no medicine.",
    "Please call the clinic on Monday morning if the pain in your left knee has not become better by then.",
    "La paciente refiere dolor de cabeza desde ayer y no tiene fiebre.",
)
"""Sentences of no person, which both models score."""


class Merging(TransformersConverter):  # type: ignore[misc]  # it has no types
    """CTranslate2's own converter of a model folder, with an adapter merged in float32 first."""

    def __init__(self, source: Path, adapter: Path | None, *, smoothly: bool) -> None:
        """Nothing is read before `convert`; `smoothly` prepares a Llama for int8."""
        super().__init__(str(source))
        self.tokenizer: PreTrainedTokenizerBase = AutoTokenizer.from_pretrained(source, local_files_only=True)
        self._adapter = adapter
        self._smoothly = smoothly

    def _load(self) -> ModelSpec:
        """Called by the converter: its description of the model, which has to name a first token."""
        spec = super()._load()
        if spec.config.bos_token is None:  # never used: a prompt is all that comes first
            spec.config.bos_token = self.tokenizer.eos_token
        return spec

    def load_model(self, model_class: Any, model_name_or_path: str, **kwargs: Any) -> PreTrainedModel:
        """Called by the converter, which takes the model to pieces: what is asked of it is asked before."""
        kwargs |= {"dtype": torch.float32, "local_files_only": True, "use_safetensors": True}
        model: PreTrainedModel = model_class.from_pretrained(model_name_or_path, **kwargs).eval()
        if self._adapter is not None:
            model = PeftModel.from_pretrained(model, self._adapter).merge_and_unload()
        self.rewrites = bool(model.config.is_encoder_decoder)
        self.ends = sorted(ends(model.generation_config))
        self.scores = [_scores(model, row, rewrites=self.rewrites) for row in _probes(self.tokenizer)]
        if hasattr(model.config, "scale_decoder_outputs"):
            # transformers 5 calls by this name what the converter reads by the other one: FLAN-T5 has it off.
            model.config.tie_word_embeddings = model.config.scale_decoder_outputs
        if self._smoothly and model.config.model_type == "llama":
            smooth(model, self.tokenizer)
        return model


def convert(source: Path, target: Path, quantisation: str, adapter: Path | None) -> None:
    """Write the CTranslate2 model, its tokenizer and a report; raises ValueError where it answers unlike the original.

    Sources: LoRA, Hu et al., 2021, https://arxiv.org/abs/2106.09685 (merging loses nothing but rounding).
    """
    original = Merging(source, adapter, smoothly=quantisation.startswith("int8"))
    original.convert(str(target), quantization=quantisation, force=True)
    original.tokenizer.save_pretrained(target)
    far = distance(original, target)
    allowed = FAR.get(quantisation, FAR_INT8)
    if not far <= allowed:
        raise ValueError(f"off by {far:.3f} nats a token, {allowed} are allowed")
    report = {
        "form": "rewrites" if original.rewrites else "continues",
        "ends": original.ends,
        "quantisation": quantisation,
        "mean_difference_nats": round(far, 4),
        "allowed_nats": allowed,
        "ctranslate2": ctranslate2.__version__,
    }
    (target / REPORT).write_text(json.dumps(report, indent=2) + "\n", encoding="utf-8")


def distance(original: Merging, folder: Path) -> float:
    """The mean difference of what both models think of each token of the probes, in nats."""
    tokens = [original.tokenizer.convert_ids_to_tokens(row) for row in _probes(original.tokenizer)]
    if original.rewrites:
        scored = ctranslate2.Translator(str(folder), device="cpu").score_batch(tokens, tokens)
    else:
        scored = ctranslate2.Generator(str(folder), device="cpu").score_batch(tokens)
    off: list[float] = [
        abs(one - other)
        for ours, theirs in zip(scored, original.scores, strict=True)
        for one, other in zip(ours.log_probs, theirs, strict=False)  # a Translator scores the end of a text, too
    ]
    return sum(off) / len(off)


def _probes(tokenizer: PreTrainedTokenizerBase) -> list[list[int]]:
    return [tokenizer(each, add_special_tokens=False)["input_ids"] for each in PROBES]


def _scores(model: PreTrainedModel, row: list[int], *, rewrites: bool) -> list[float]:
    """The log probability of each token, given those before it."""
    ids = torch.tensor([row])
    if rewrites:
        logits, expected = model(input_ids=ids, labels=ids).logits[0], ids[0]
    else:
        logits, expected = model(input_ids=ids).logits[0, :-1], ids[0, 1:]
    found: list[float] = torch.log_softmax(logits, dim=-1).gather(1, expected[:, None])[:, 0].tolist()
    return found


if __name__ == "__main__":
    disable_progress_bar()
    torch.set_num_threads(int(sys.argv[4]))
    with torch.inference_mode():
        convert(Path(sys.argv[1]), Path(sys.argv[2]), sys.argv[3], Path(sys.argv[5]) if sys.argv[5:] else None)
