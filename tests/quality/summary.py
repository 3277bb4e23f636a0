"""What the summary of a conversation is worth: ROUGE-1 on MTS-Dialog validation, and what of it nobody said."""

from __future__ import annotations

import csv
import json
import os
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from functools import cache
from pathlib import Path
from typing import Any

from rouge_score.rouge_scorer import RougeScorer  # type: ignore[import-untyped]  # it ships no types

from shared import registry
from shared.case import Case, Headed, Sentence
from shared.job import StageName
from shared.registry import Manifest, ModelVersion
from shared.settings import Settings
from tests.quality.guard import case_of
from tests.quality.report import Gate, Part, Table
from worker import classifier
from worker.clinical import grounds, guards, retold
from worker.generate.writer import Writer
from worker.header import Headers
from worker.stage import Device, load
from worker.stages import summarize

GOAL, UNSUPPORTED = 0.33, 0.01
SAMPLE = Path(__file__).with_name("summary_sample.jsonl")
FRESH = Path(__file__).with_name("reported_fresh.jsonl")
VALIDATION = "MTS-Dialog-ValidationSet.csv"
WORDS, LEAD = (15, 25, 40), (1, 3)
_TURN = re.compile(r"(?:^|(?<=[\n.?!]))[ ]{0,3}(Doctor|Patient|Guest_[a-z]{1,12})[ ]?:")
TEXT = """
The 100 conversations of MTS-Dialog's validation set (English; nothing was learnt from them, decoding and the rules of
the guard were chosen with them in view), read as the stages read them: the facts by the rules, the section that a
conversation would be written into by the header model, the summary by the engine of the row. ROUGE-1 (Lin 2004, by
the package rouge-score, without stemming) is the mean of the items' F1 of `narrative_summary` against the section that
a clinician's note has; *summary* is the same of all sentences of `summary` joined. *Before* is what the model wrote,
*kept* the share of its sentences that the guard lets pass, *wrote* the share of the conversations whose narrative the
model wrote; the others are told by the rules. The default engine of the embedded profile is **{default}**, by this
table.

Unsupported sentences: all {sample} sentences that the default engine told of this set (first of its rows), those of
the model that the guard and the stricter check for conversations (worker/clinical/firm.py) let pass and those that
rules put beside them or in their place (what the speakers say, in the third person, worker/clinical/reported.py, and
the facts, worker/clinical/noted.py), were read beside their whole conversations and labelled (summary_sample.jsonl):
by one reader, and those that were told before the windows of the engine changed by a second as well. A sentence counts
as unsupported when it says anything that the conversation does not say, also of gender, side, time or person, or is no
English; the words of a speaker as they stand count as supported. The rules were written with training conversations in
view, and the last rounds of them with these sentences, whose errors they mended: so of other conversations more will
be wrong. How many: when the windows of the engine changed, 66 of its 287 sentences were new, and 11 of these were
unsupported, before the rules were mended. At first sight, one reported sentence each of {fresh} training conversations
that nobody had looked at (reported_fresh.jsonl): {fine} of them are supported; those that are not are half sentences,
broken grammar, or true only of a time that another sentence names. They were mended afterwards. The labels bind the
texts: of what the engine tells now, {seen} of {now} narrative sentences are among those that were read.
"""


@dataclass(frozen=True, slots=True)
class Item:
    """A conversation with the note's section that a clinician wrote."""

    case: Case
    wanted: str
    header: str


@dataclass(frozen=True, slots=True)
class Measured:
    """An engine on all items."""

    name: str
    cases: Sequence[Case]
    narrative: float
    summary: float
    before: float | None = None
    kept: float | None = None

    def row(self) -> tuple[str, ...]:
        """Its line in the table."""
        wrote = sum(each.summary_by != "extractive" for each in self.cases) / max(1, len(self.cases))
        more = [f"{each:.3f}" if each is not None else "" for each in (self.before, self.kept)]
        return (self.name, f"{self.narrative:.3f}", f"{self.summary:.3f}", *more, f"{wrote:.2f}" if self.before else "")


@dataclass
class Ear:
    """A writer that remembers what it wrote."""

    writer: Writer
    wrote: list[str] = field(default_factory=list)

    def __getattr__(self, name: str) -> object:
        return getattr(self.writer, name)

    def write(self, prompts: Sequence[str], **how: Any) -> list[str]:
        """The texts of the writer itself."""
        self.wrote = self.writer.write(prompts, **how)
        return self.wrote


class Quiet:
    """A desk where nobody waits."""

    def tell(self, case: Case, share: float, *, partial: str | None = None, append: bool = False) -> None:
        """Nobody is told."""

    def listen(self) -> None:
        """Nobody cancels."""


def measure(data: Path) -> Part:
    """The gates of summaries, with the baselines and the engines beside each other."""
    settings = Settings()
    manifest = registry.read(settings.manifest)
    items = read_items(data, headers(manifest, settings.models_dir))
    rules = _extracted(items)
    model = registry.plan(manifest, "embedded", settings.models_dir)[StageName.SUMMARIZE]
    found = [rules] if model.engine == summarize.RULES else [*_engines(model, items), rules]
    best = max(baselines(items), key=lambda each: each[1])
    sample = [json.loads(line) for line in SAMPLE.read_text(encoding="utf-8").splitlines()]
    told = [each.text for case in found[0].cases for each in case.narrative]
    read = {each["sentence"] for each in sample}
    wrong = sum(not each["supported"] for each in sample)
    gates = [
        Gate("summary ROUGE-1, narrative, MTS-Dialog validation", found[0].narrative, GOAL, of=len(items)),
        Gate("summary ROUGE-1 over the best extractive baseline", found[0].narrative - _best(best, found), 0.001),
        Gate("unsupported sentences after the guard", wrong / len(sample), UNSUPPORTED, at_most=True, of=len(sample)),
    ]
    fresh = [json.loads(line)["supported"] for line in FRESH.read_text(encoding="utf-8").splitlines()]
    seen = sum(each in read for each in told)
    known = {"default": model.engine, "sample": len(sample), "fresh": len(fresh), "fine": sum(fresh)}
    text = TEXT.format(**known, now=len(told), seen=seen)
    simple = [(name, f"{figure:.3f}", "", "", "", "") for name, figure in baselines(items)]
    headings = ("what", "narrative", "summary", "before", "kept", "wrote")
    return Part(
        "Summaries of conversations", text, gates, [Table(headings, [*simple, *(each.row() for each in found)])]
    )


def read_items(data: Path, named: Callable[[Sequence[Case]], Sequence[Case]]) -> list[Item]:
    """The validation conversations with their facts and headers."""
    with (data / "mts-dialog" / VALIDATION).open(encoding="utf-8-sig", newline="") as file:
        rows = list(csv.DictReader(file))
    cases = named([case_of(row["dialogue"], "en") for row in rows])
    return [Item(case, row["section_text"], row["section_header"]) for case, row in zip(cases, rows, strict=True)]


def headers(manifest: Manifest, models_dir: Path) -> Callable[[Sequence[Case]], Sequence[Case]]:
    """What names the headed stretches of conversations, as the stage classify does; nothing without its weights."""
    model = registry.plan(manifest, "embedded", models_dir, {StageName.CLASSIFY: "bert"})[StageName.CLASSIFY]
    adapter = registry.ADAPTERS / "header"
    if model.path is None or not (adapter / classifier.HEAD_FILE).is_file():
        return lambda cases: cases
    namer = Headers(classifier.read(model.path, adapter, device="cpu"))
    return lambda cases: [replace(case, headed=each) for case, each in zip(cases, namer.mark(cases), strict=True)]


def baselines(items: Sequence[Item]) -> list[tuple[str, float]]:
    """Extracts that need no thought, with their ROUGE-1."""
    kinds: list[tuple[str, Callable[[str], str]]] = [
        *((f"first {count} words of the patient", lambda text, k=count: _words(_patient(text), k)) for count in WORDS),
        *((f"first {count} sentences", lambda text, k=count: " ".join(_sentences(text)[:k])) for count in LEAD),
        ("the patient's turns", _patient),
        ("the whole conversation", lambda text: " ".join(said for _, said in _turns(text))),
    ]
    return [(name, _mean([_rouge(each.wanted, make(each.case.text or "")) for each in items])) for name, make in kinds]


def written(stage: summarize.Generated, items: Sequence[Item]) -> tuple[list[Case], list[list[str]]]:
    """The cases with their summaries, and what the model wrote of each before the guard."""
    ear = Ear(stage.writer)
    cases = [each.case for each in items]
    done = replace(stage, writer=ear).run(cases, Quiet())  # type: ignore[arg-type]  # as much of a desk as it needs
    texts = iter(ear.wrote)
    return list(done), [[next(texts) for _ in stage.stretches(case)] for case in cases]


def _engines(model: ModelVersion, items: Sequence[Item]) -> list[Measured]:
    stage = load(StageName.SUMMARIZE, model, Device(threads=os.cpu_count() or 1))
    if not isinstance(stage, summarize.Generated):
        raise TypeError("the engine that the profile names writes nothing")
    bare = [replace(each, case=replace(each.case, headed=())) for each in items]
    given = [replace(each, case=replace(each.case, headed=_given(each))) for each in items]
    name = f"{model.engine}, {model.name} + LoRA"
    return [
        _measured(f"{name}, header by the model", stage, items),
        _measured(f"{name}, no header", stage, bare),
        _measured(f"{name}, header as the note has it", stage, given),
    ]


def _given(item: Item) -> tuple[Headed, ...]:
    return (Headed(item.header, 1.0, 0, len(item.case.text or "")),)


def _measured(name: str, stage: summarize.Generated, items: Sequence[Item]) -> Measured:
    cases, texts = written(stage, items)
    lines = [[line for text in mine for line in retold.sentences(text)] for mine in texts]
    sources = [grounds.read(each.case) for each in items]
    judged = [
        guards.check(source, line).support != "unsupported"
        for source, mine in zip(sources, lines, strict=True)
        for line in mine
    ]
    before = _mean([_rouge(each.wanted, " ".join(mine)) for each, mine in zip(items, texts, strict=True)])
    return Measured(name, cases, *_scores(cases, items), before, sum(judged) / max(1, len(judged)))


def _extracted(items: Sequence[Item]) -> Measured:
    cases = [summarize.extract(each.case) for each in items]
    return Measured(summarize.RULES, cases, *_scores(cases, items))


def _scores(cases: Sequence[Case], items: Sequence[Item]) -> tuple[float, float]:
    pairs = list(zip(items, cases, strict=True))
    narrative = _mean([_rouge(item.wanted, _joined(case.narrative)) for item, case in pairs])
    return narrative, _mean([_rouge(item.wanted, _joined(case.summary)) for item, case in pairs])


def _best(best: tuple[str, float], found: Sequence[Measured]) -> float:
    rules = [each.narrative for each in found[1:] if each.name == summarize.RULES]
    return max(best[1], *rules) if rules else best[1]


def _joined(sentences: Sequence[Sentence]) -> str:
    return " ".join(each.text for each in sentences)


@cache
def _scorer() -> RougeScorer:
    return RougeScorer(["rouge1"])


def _rouge(wanted: str, text: str) -> float:
    return float(_scorer().score(wanted, text)["rouge1"].fmeasure)


def _mean(figures: Sequence[float]) -> float:
    return sum(figures) / max(1, len(figures))


def _turns(text: str) -> list[tuple[str, str]]:
    marks = list(_TURN.finditer(text))
    ends = [*(each.start() for each in marks[1:]), len(text)]
    return [(mark[1], text[mark.end() : end].strip()) for mark, end in zip(marks, ends, strict=True)]


def _patient(text: str) -> str:
    return " ".join(said for who, said in _turns(text) if who != "Doctor")


def _words(text: str, count: int) -> str:
    return " ".join(text.split()[:count])


def _sentences(text: str) -> list[str]:
    return [each for _, said in _turns(text) for each in re.split(r"(?<=[.?!])\s+", said)]
