"""How well the tagger does on development sets, strictly by entity, as a report and a model card."""

from __future__ import annotations

import json
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from worker import tagger
from worker.tagger import Tagger
from worker.tagger_chain import spans_of
from worker.tagger_net import ABOUT_FILE
from worker.training.ner_data import SAYS_NOTHING_OF, Sentence

REPORT_FILE = "report.json"
CARD_FILE = "README.md"
CARD = Path(__file__).with_name("ner_card.md")
KINDS = ("Chemical", "Disease")


@dataclass(frozen=True, slots=True)
class Tally:
    """Entities found and right, found, and wanted."""

    right: int = 0
    found: int = 0
    wanted: int = 0

    @property
    def precision(self) -> float:
        """Share of what was found that is right."""
        return self.right / self.found if self.found else 0.0

    @property
    def recall(self) -> float:
        """Share of what was wanted that was found."""
        return self.right / self.wanted if self.wanted else 0.0

    @property
    def f1(self) -> float:
        """Their harmonic mean."""
        return 2 * self.right / (self.found + self.wanted) if self.found + self.wanted else 0.0

    def plus(self, other: Tally) -> Tally:
        """Both together."""
        return Tally(self.right + other.right, self.found + other.found, self.wanted + other.wanted)


@dataclass(frozen=True, slots=True)
class NerScore:
    """The tally of each kind; an entity is right when its kind, first and last word are (as CoNLL 2003 counts)."""

    kinds: Mapping[str, Tally]

    @property
    def micro(self) -> Tally:
        """All kinds together, each entity counting once."""
        total = Tally()
        for each in self.kinds.values():
            total = total.plus(each)
        return total


def score(model: Tagger, held: Sequence[Sentence]) -> NerScore:
    """How many entities of these sentences the model finds; kinds that the corpus does not annotate are left out."""
    unsaid = SAYS_NOTHING_OF[held[0].corpus] if held else frozenset[str]()
    kinds = {kind: Tally() for kind in KINDS if kind not in unsaid}
    found = model.entities([each.words for each in held])
    for sentence, entities in zip(held, found, strict=True):
        wanted = set(spans_of(sentence.labels))
        got = {(each.kind, each.first, each.last) for each in entities}
        for kind in kinds:
            mine, theirs = {each for each in got if each[0] == kind}, {each for each in wanted if each[0] == kind}
            kinds[kind] = kinds[kind].plus(Tally(len(mine & theirs), len(mine), len(theirs)))
    return NerScore(kinds)


def measure(
    base: Path, adapter: Path, held: Mapping[str, Sequence[Sentence]], *, cpu_seconds: float, plan: dict[str, object]
) -> dict[str, object]:
    """The figures of an adapter folder as it will ship, in fp16."""
    model = tagger.read(base, adapter)
    scores = {name: score(model, mine) for name, mine in held.items()}
    return {
        "base": model.net.about.base,
        "labels": list(model.net.about.labels),
        "sentences": {name: len(mine) for name, mine in held.items()},
        "devel": {name: _figures(mine) for name, mine in scores.items()},
        "training_cpu_seconds": round(cpu_seconds),
        "plan": plan,
    }


def ship(adapter: Path, folder: Path, report: dict[str, object], *, threshold: float) -> None:
    """Copy an adapter to where it travels from, with its threshold, its report as JSON and its model card."""
    folder.mkdir(parents=True, exist_ok=True)
    for path in sorted(adapter.iterdir()):
        shutil.copyfile(path, folder / path.name)
    about = {**json.loads((adapter / ABOUT_FILE).read_text(encoding="utf-8")), "threshold": threshold}
    (folder / ABOUT_FILE).write_text(json.dumps(about, indent=2) + "\n", encoding="utf-8")
    (folder / REPORT_FILE).write_text(json.dumps(report, indent=2) + "\n", encoding="utf-8")
    (folder / CARD_FILE).write_text(_card(report), encoding="utf-8")


def _figures(scored: NerScore) -> dict[str, dict[str, float]]:
    tallies = {"all": scored.micro, **scored.kinds} if len(scored.kinds) > 1 else dict(scored.kinds)
    return {
        name: {"precision": round(each.precision, 4), "recall": round(each.recall, 4), "f1": round(each.f1, 4)}
        for name, each in tallies.items()
    }


def _card(report: dict[str, object]) -> str:
    rows = []
    if isinstance(devel := report["devel"], dict):
        for corpus, kinds in devel.items():
            for kind, figures in kinds.items():
                cells = " | ".join(f"{figures[name]:.3f}" for name in ("precision", "recall", "f1"))
                rows.append(f"| {corpus} | {kind} | {cells} |")
    return CARD.read_text(encoding="utf-8").format(rows="\n".join(rows))
