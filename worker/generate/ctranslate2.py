"""T5 and Llama by CTranslate2, with the adapter merged: int8 on CPU, float16 on GPU, many rows in one native call."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from queue import Empty, SimpleQueue
from typing import Any

import ctranslate2
from transformers import AutoTokenizer, PreTrainedTokenizerBase

from shared.errors import ModelUnavailableError
from shared.registry import ModelVersion
from worker.generate import batching
from worker.generate.converted import REPORT, converted
from worker.generate.streaming import Rows, Unfolding
from worker.generate.writer import Form, Message, Most, OnRow, batches, of_each, templated
from worker.stage import Device, Listen

LISTEN_S = 0.05
"""Longest pause between two looks at whether the job was stopped, also while a native call reads the prompts."""
BATCH_TOKENS = 4096
"""Tokens of one native call: after a cancel its thread reads on to the end of the prompts, at most so many."""

Follow = Callable[[ctranslate2.GenerationStepResult], bool]
Start = Callable[[Follow], Sequence[Any]]
"""Begins a native call, which runs in a thread of its own, and gives its asynchronous results."""


@dataclass(frozen=True, slots=True)
class Decoding:
    """How the next token is chosen: the likeliest one, after these penalties."""

    ends: tuple[int, ...]
    repetition_penalty: float = 1.0
    no_repeat_tokens: int = 0
    """Both are off unless the model's options turn them on: here they see only what was written, not the prompt."""

    @property
    def native(self) -> dict[str, Any]:
        """As CTranslate2 wants it."""
        return {
            "beam_size": 1,
            "end_token": list(self.ends),
            "repetition_penalty": self.repetition_penalty,
            "no_repeat_ngram_size": self.no_repeat_tokens,
        }


@dataclass(frozen=True, slots=True)
class Converted:
    """A loaded model that writes; its native thread never touches the job, the caller's own thread tells of tokens."""

    engine: ctranslate2.Generator | ctranslate2.Translator
    tokenizer: PreTrainedTokenizerBase
    form: Form
    prefix: str
    decoding: Decoding
    batch_tokens: int = BATCH_TOKENS

    def prompt(self, chat: Sequence[Message], begin: str = "") -> str:
        """The chat by the model's template; for a model that rewrites its prefix and the last turn."""
        if self.form == "rewrites":
            return f"{self.prefix}{chat[-1].content}{begin}"
        return templated(self.tokenizer, chat, begin)

    def write(
        self,
        prompts: Sequence[str],
        *,
        most_tokens: Most,
        on_token: OnRow,
        listen: Listen,
        stop_at_line: bool = False,
        static: str = "",
    ) -> list[str]:
        """What the model writes for each prompt (see Writer); what reading `static` left is kept for the next call."""
        lead, rows = self._read(static, prompts)
        written, most = [""] * len(prompts), of_each(most_tokens, len(prompts))
        for batch in self._batches(lead, rows, most):
            shown = Rows(batch, on_token, [most[row] for row in batch])
            unfolding = Unfolding(self.tokenizer, shown, self.decoding.ends, stop_at_line=stop_at_line)
            start = self._started(lead, [rows[row] for row in batch], max(shown.most))
            _run(start, unfolding, len(batch), listen)
            for row, text in zip(batch, unfolding.texts(), strict=True):
                written[row] = text
        return written

    def lengths(self, texts: Sequence[str]) -> list[int]:
        """Tokens of each text."""
        return [len(ids) for ids in self.tokenizer(list(texts), add_special_tokens=False)["input_ids"]] if texts else []

    def _read(self, static: str, prompts: Sequence[str]) -> tuple[list[int], list[list[int]]]:
        """The tokens that come first in every row, and those of the rows; an encoder's end with its own mark."""
        if self.form == "rewrites":
            return [], list(self.tokenizer([f"{static}{each}" for each in prompts])["input_ids"]) if prompts else []
        [lead, *rows] = self.tokenizer([static, *prompts], add_special_tokens=False)["input_ids"]
        return lead, rows

    def _batches(self, lead: list[int], rows: Sequence[list[int]], most: Sequence[int]) -> list[list[int]]:
        lengths = [len(lead) + len(row) for row in rows]
        if self.form == "rewrites":  # its prompts are padded
            return list(batches(lengths, max(most, default=0), self.batch_tokens))
        return batching.even(lengths, most, self.batch_tokens)

    def _started(self, lead: list[int], rows: list[list[int]], most_tokens: int) -> Start:
        if isinstance(self.engine, ctranslate2.Translator):
            return self._rewriting(self.engine, rows, most_tokens)
        return self._continuing(self.engine, batching.share(lead, rows), most_tokens)

    def _rewriting(self, engine: ctranslate2.Translator, rows: list[list[int]], most_tokens: int) -> Start:
        return lambda follow: engine.translate_batch(
            [self.tokenizer.convert_ids_to_tokens(row) for row in rows],
            max_input_length=0,
            max_decoding_length=most_tokens,
            asynchronous=True,
            callback=follow,
            **self.decoding.native,
        )

    def _continuing(self, engine: ctranslate2.Generator, shared: batching.Shared, most_tokens: int) -> Start:
        return lambda follow: engine.generate_batch(
            [self.tokenizer.convert_ids_to_tokens(row) for row in shared.rows],
            static_prompt=self.tokenizer.convert_ids_to_tokens(shared.lead) or None,
            cache_static_prompt=shared.keep,
            include_prompt_in_result=False,
            max_length=most_tokens,
            asynchronous=True,
            callback=follow,
            **self.decoding.native,
        )


def load(model: ModelVersion, device: Device) -> Converted:
    """Convert the weights if that was not done yet, and read them.

    Raises ModelUnavailableError when they are not there, cannot be converted or do not fit.
    """
    kind, _, number = device.name.partition(":")
    compute = model.options.get("compute_type", "int8" if kind == "cpu" else "float16")
    is_converted = model.path is not None and (model.path / "model.bin").is_file()
    folder = model.path if is_converted and model.path else converted(model, compute, device.threads)
    try:
        tokenizer = AutoTokenizer.from_pretrained(folder, local_files_only=True)
        form, ends = _about(folder, tokenizer)
        loaded = (ctranslate2.Translator if form == "rewrites" else ctranslate2.Generator)(
            str(folder),
            device=kind,
            device_index=int(number or 0),
            compute_type=compute,
            inter_threads=1,
            intra_threads=device.threads,
        )
    except (OSError, RuntimeError, ValueError) as error:
        raise ModelUnavailableError(f"the weights of {model.name} do not load ({type(error).__name__})") from error
    return Converted(
        loaded,
        tokenizer,
        form,
        model.options.get("prefix", "summarize: "),
        Decoding(
            ends,
            float(model.options.get("repetition_penalty", "1.0")),
            int(model.options.get("no_repeat_tokens", "0")),
        ),
        int(model.options.get("batch_tokens", BATCH_TOKENS)),
    )


def _about(folder: Path, tokenizer: PreTrainedTokenizerBase) -> tuple[Form, tuple[int, ...]]:
    """What a folder's model does with prompts, and the tokens that end its texts; also of one that others converted."""
    if (folder / REPORT).is_file():
        report = json.loads((folder / REPORT).read_text(encoding="utf-8"))
        return report["form"], tuple(report["ends"])
    config = json.loads((folder / "config.json").read_text(encoding="utf-8"))
    end: Any = tokenizer.convert_tokens_to_ids(config["eos_token"])
    return ("rewrites" if "decoder_start_token" in config else "continues"), (end,)


def _run(start: Start, unfolding: Unfolding, rows: int, listen: Listen) -> None:
    """Follow one native call to its end; what is raised here lets its rows end at their next token."""
    told: SimpleQueue[tuple[int, int, bool]] = SimpleQueue()
    ended: set[int] = set()

    def follow(step: ctranslate2.GenerationStepResult) -> bool:
        told.put((step.batch_id, step.token_id, step.is_last))
        return step.batch_id in ended

    listen()
    results = start(follow)
    try:
        while len(ended) < rows:
            try:
                row, token, is_last = told.get(timeout=LISTEN_S)
            except Empty:
                listen()
                if told.empty() and all(each.done() for each in results):
                    break
                continue
            listen()
            if unfolding.add(row, token) or is_last:
                ended.add(row)
    finally:
        ended.update(range(rows))
    for each in results:
        each.result()
