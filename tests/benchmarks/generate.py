"""CTranslate2 held against plain transformers in float32: the same model, prompts and tokens, one thread, CPU time."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from itertools import takewhile

from shared.job import StageName
from shared.registry import ModelVersion, plan, read
from shared.settings import Settings
from tests.benchmarks.table import Row
from worker.generate import engines
from worker.generate.writer import Message, Writer, quiet
from worker.stage import Device, undisturbed

ROWS = (1, 8, 16)
MOST_TOKENS = 32
ROUNDS = 3
GREEDY = {"repetition_penalty": "1.0", "no_repeat_tokens": "0"}
"""Both engines choose the likeliest token and nothing else."""
FACTS = ("cough for two weeks", "knee pain after a fall", "takes metformin 500 mg twice daily", "fever since Monday")
ASKED = "Write a short note about a patient with {}, case {} of sixteen, for the next visit."


def measure(told: Callable[[str], None]) -> list[Row]:
    """The table's rows for generation; needs the embedded profile's weights."""
    settings = Settings()
    model = plan(read(settings.manifest), "embedded", settings.models_dir, {StageName.SUMMARIZE: "llama"})
    version = replace(model[StageName.SUMMARIZE], adapter=None, options=GREEDY)
    slow, fast = _loaded(version, "llama"), _loaded(version, "ctranslate2")
    prompts = [fast.prompt([Message("user", ASKED.format(FACTS[at % len(FACTS)], at + 1))]) for at in range(max(ROWS))]
    rows = [row for at_once in ROWS for row in _ratios(slow, fast, prompts[:at_once], told)]
    return [*rows, _equal(slow, fast, prompts)]


def _loaded(version: ModelVersion, engine: str) -> Writer:
    return engines.load(replace(version, engine=engine), Device())


def _ratios(slow: Writer, fast: Writer, prompts: Sequence[str], told: Callable[[str], None]) -> Iterator[Row]:
    """The median of rounds in which both take turns, each of them warm."""
    for each in (slow, fast):
        _seconds(each, prompts[:1])
    pairs = [(_seconds(slow, prompts), _seconds(fast, prompts)) for _ in range(ROUNDS)]
    ratio = statistics.median(one / other for one, other in pairs)
    told(f"{len(prompts)} prompts: transformers / CTranslate2 {ratio:.2f}")
    note = f"SmolLM2-135M, {len(prompts)} prompts in one call, {MOST_TOKENS} tokens at most, float32 against int8"
    yield Row(f"writing: CPU time of transformers / CTranslate2, {len(prompts)} at once", ratio, "", True, note, " x")


def _seconds(writer: Writer, prompts: Sequence[str]) -> float:
    """CPU seconds, of all threads of this process."""
    began = time.process_time()
    _written(writer, prompts)
    return time.process_time() - began


def _written(writer: Writer, prompts: Sequence[str]) -> list[str]:
    return writer.write(prompts, most_tokens=MOST_TOKENS, on_token=quiet, listen=undisturbed)


def _equal(slow: Writer, fast: Writer, prompts: Sequence[str]) -> Row:
    """How much of what float32 writes int8 writes, too, before the two part for the first time."""
    shares = []
    for one, other in zip(_written(slow, prompts), _written(fast, prompts), strict=True):
        same = len(list(takewhile(lambda pair: pair[0] == pair[1], zip(one.split(), other.split(), strict=False))))
        shares.append(same / max(1, len(one.split())))
    whole = sum(share == 1.0 for share in shares)
    note = f"{whole} of {len(shares)} texts are the same from the first to the last word"
    return Row("writing: words that int8 has as float32 has them, up to the first other one", statistics.mean(shares),
               "", True, note)  # fmt: skip
