"""Recommend: red flags first, then what published rules advise, then what the text itself plans, put by a model."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace

from shared.case import Case, Recommendation, RedFlag, Span, Urgency
from shared.errors import MissingInputError, ModelUnavailableError
from shared.registry import ModelVersion
from worker.clinical import guards, planning, plans
from worker.clinical.guards import Policy
from worker.clinical.next_steps import next_steps
from worker.clinical.redflags import red_flags
from worker.generate import asks, engines
from worker.generate.writer import Writer
from worker.stage import Desk, Device, Stage

MOST_TOKENS = 72
"""Of the lines for one group of sentences: three lines of 24."""
MOST_GROUPS = 12
"""Groups of sentences that the model reads of one text; a visit of an hour plans less."""
MOST_LINES = 10
"""A longer list is not read."""
LEAD = "Planned: "
"""Before each line of a model: it repeats what the text plans and is no advice of its own."""


@dataclass(slots=True)
class Rules:
    """Red flags and published rules, without a model."""

    model: ModelVersion
    batch: int = 16

    def run(self, cases: Sequence[Case], desk: Desk) -> Sequence[Case]:
        """Each case with its red flags and recommendations; a case without text raises MissingInputError."""
        done = [advise(case) for case in cases]
        for case in cases:
            desk.tell(case, 1.0)
        return done


@dataclass(frozen=True, slots=True)
class Asked:
    """A few sentences of one case that plan something, read by the model in one go."""

    case: Case
    at: int
    """The place of the case among those of the call."""
    said: tuple[Span, ...]


@dataclass(slots=True)
class Assisted:
    """The rules, and behind them what the text plans, in lines that a model wrote and that the text supports."""

    model: ModelVersion
    writer: Writer
    batch: int = 16

    def run(self, cases: Sequence[Case], desk: Desk) -> Sequence[Case]:
        """Each case with its red flags and recommendations; a case without text raises MissingInputError."""
        advised = [advise(case) for case in cases]
        for case in cases:
            desk.tell(case, 0.0)
        asked = [Asked(case, at, said) for at, case in enumerate(cases) for said in self._groups(case)]
        watch = _Watch(asked, desk)
        written = self.writer.write(
            [self._prompt(each) for each in asked],
            most_tokens=MOST_TOKENS,
            on_token=watch.told,
            listen=desk.listen,
        )
        lines: list[list[tuple[tuple[Span, ...], str]]] = [[] for _ in cases]
        for each, text in zip(asked, written, strict=True):
            lines[each.at] += [(each.said, line) for line in _lines(text)]
        return [self._with(*each) for each in zip(cases, advised, lines, strict=True)]

    def _groups(self, case: Case) -> Iterator[tuple[Span, ...]]:
        if (case.language or "en") in self.model.options.get("languages", "en").split():
            said = plans.planned(case)[: MOST_GROUPS * asks.PLAN_SENTENCES]
            yield from (said[at : at + asks.PLAN_SENTENCES] for at in range(0, len(said), asks.PLAN_SENTENCES))

    def _prompt(self, asked: Asked) -> str:
        said = [asked.case.quote(span) for span in asked.said]
        if self.model.adapter is not None:
            return asks.recommend_prompt(said)
        return self.writer.prompt(asks.recommend_chat(said))

    def _with(self, case: Case, advised: Case, lines: Sequence[tuple[tuple[Span, ...], str]]) -> Case:
        policy: Policy = "flag" if self.model.options.get("guard") == "flag" else "drop"
        found = checked(case, lines, self.model.name, policy)
        flagged = any(each.support == "unsupported" for each in found)
        warnings = (*case.warnings, guards.FLAGGED) if flagged else case.warnings
        return replace(advised, recommendations=(*advised.recommendations, *found), warnings=warnings)


def load(model: ModelVersion, device: Device) -> Stage:
    """The stage by its engine: rules, or one that continues prompts (llama, ctranslate2, openai)."""
    if model.engine == "rules":
        return Rules(model)
    writer = engines.load(model, device)
    if writer.form != "continues":
        raise ModelUnavailableError(f"recommend has no use for {model.name}: choose a model that continues prompts")
    return Assisted(model, writer)


def advise(case: Case) -> Case:
    """The case with its red flags and what the rules advise."""
    if case.text is None:
        raise MissingInputError("recommend needs text: run transcribe first, or send text")
    flags = case.red_flags or red_flags(case)  # extract has found them, if it ran
    steps = next_steps(case, emergency=any(flag.urgency == "emergency" for flag in flags))
    return replace(case, red_flags=flags, recommendations=(*map(_warning, flags), *steps))


def checked(
    case: Case, lines: Iterable[tuple[Sequence[Span], str]], author: str, policy: Policy = "drop"
) -> tuple[Recommendation, ...]:
    """The lines that pass the guard (worker/clinical/planning.py), each once, with the sentences that plan them.

    Each line comes with the sentences that it was made from. With the policy `flag` lines stay that the text does not
    support, marked so, unless they treat or bring a name or a number of their own.
    """
    kept: list[str] = []
    found: list[Recommendation] = []
    for said, line in lines:
        verdict = planning.check(case, said, line)
        passes = verdict.support == "supported" or (policy == "flag" and not verdict.doubts & planning.NEVER)
        if not passes or not planning.says_more(line, kept) or len(kept) == MOST_LINES:
            continue
        kept.append(line)
        urgency: Urgency = "urgent" if verdict.support == "supported" and planning.is_urgent(line) else "routine"
        evidence = verdict.evidence or tuple(said)
        found.append(Recommendation(shown(line), "next_step", urgency, author, evidence, verdict.support))
    return tuple(found)


def shown(line: str) -> str:
    """A line of plan as it is read: "Order an MRI" is the text's own plan, and says so."""
    return f"{LEAD}{line[:1].lower()}{line[1:].rstrip('.')}."


def _warning(flag: RedFlag) -> Recommendation:
    return Recommendation(flag.text, "red_flag", flag.urgency, flag.source, flag.evidence)


def _lines(text: str) -> list[str]:
    bare = (line.strip().lstrip("-*• ").strip() for line in text.splitlines())
    return [line for line in bare if line and line != asks.NO_PLAN]


@dataclass(slots=True)
class _Watch:
    """Tells of each token, and of a line as soon as it is written and found to be supported."""

    asked: Sequence[Asked]
    desk: Desk
    tokens: dict[int, int] = field(default_factory=dict)
    open_lines: dict[int, str] = field(default_factory=dict)

    def told(self, row: int, tokens: int, text: str) -> None:
        each = self.asked[row]
        self.tokens[row] = tokens
        *done, self.open_lines[row] = (self.open_lines.get(row, "") + text).split("\n")
        good = [line for line in _lines("\n".join(done)) if _supported(each, line)]
        partial = "".join(f"{shown(line)}\n" for line in good) or None
        self.desk.tell(each.case, self._share(each.at), partial=partial, append=partial is not None)

    def _share(self, at: int) -> float:
        own = [row for row, each in enumerate(self.asked) if each.at == at]
        return sum(self.tokens.get(row, 0) for row in own) / (MOST_TOKENS * len(own))


def _supported(asked: Asked, line: str) -> bool:
    return planning.check(asked.case, asked.said, line).support == "supported"
