"""Recommend: red flags first, then what published rules advise, then what the text itself plans, put by a model."""

from __future__ import annotations

import re
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

MOST_TOKENS = 32
"""Of one line; the longest that it was trained on has 40."""
MOST_SENTENCES = 36
"""Sentences that the model reads of one text; a visit of an hour plans less."""
MOST_LINES = 10
"""A longer list is not read."""
_SENTENCE = re.compile(r"(?<=\w\w[.])\s+(?=[A-Z])")
_YOU = re.compile(r"\b(?:you|the individual)\b")
_YOUR = re.compile(r"\byour\b")
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
    """A sentence of one case that plans something, and the act that the model's line about it begins with."""

    case: Case
    at: int
    """The place of the case among those of the call."""
    said: Span
    begin: str
    """Empty where the sentence names no act: the model chooses."""


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
        asked = [each for at, case in enumerate(cases) for each in self._asked(case, at)]
        written = self.writer.write(
            [self._prompt(each) for each in asked],
            most_tokens=MOST_TOKENS,
            on_token=_Watch(asked, desk).told,
            listen=desk.listen,
            stop_at_line=True,
        )
        lines: list[list[tuple[Span, str]]] = [[] for _ in cases]
        for each, text in zip(asked, written, strict=True):
            lines[each.at] += [(each.said, line) for line in _lines(_whole(each.begin, text))]
        return [self._with(*each, desk) for each in zip(cases, advised, lines, strict=True)]

    def _asked(self, case: Case, at: int) -> Iterator[Asked]:
        if (case.language or "en") in self.model.options.get("languages", "en").split():
            for said in plans.planned(case)[:MOST_SENTENCES]:
                yield from (Asked(case, at, said, begin) for begin in plans.acts(case.quote(said)) or ("",))

    def _prompt(self, asked: Asked) -> str:
        said = [asked.case.quote(asked.said)]
        if self.model.adapter is not None:
            return f"{asks.recommend_prompt(said)} {asked.begin}".rstrip()
        return self.writer.prompt(asks.recommend_chat(said), asked.begin)

    def _with(self, case: Case, advised: Case, lines: Sequence[tuple[Span, str]], desk: Desk) -> Case:
        policy: Policy = "flag" if self.model.options.get("guard") == "flag" else "drop"
        found = checked(case, lines, self.model.name, policy)
        if found:
            desk.tell(case, 1.0, partial="".join(f"{each.text}\n" for each in found), append=True)
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
    case: Case, lines: Iterable[tuple[Span, str]], author: str, policy: Policy = "drop"
) -> tuple[Recommendation, ...]:
    """The lines that pass the guard (worker/clinical/planning.py), each once, with the sentence that plans it.

    Each line comes with the sentence that it was made from. With the policy `flag` lines stay that the text does not
    support, marked so, unless they treat or bring a name or a number of their own.
    """
    kept: list[str] = []
    found: list[Recommendation] = []
    for said, line in lines:
        verdict = planning.check(case, (said,), line)
        passes = verdict.support == "supported" or (policy == "flag" and not verdict.doubts & planning.NEVER)
        if not passes or not planning.says_more(line, kept) or len(kept) == MOST_LINES:
            continue
        kept.append(line)
        urgency: Urgency = "urgent" if verdict.support == "supported" and planning.is_urgent(line) else "routine"
        evidence = verdict.evidence or (said,)
        found.append(Recommendation(shown(line), "next_step", urgency, author, evidence, verdict.support))
    return tuple(found)


def shown(line: str) -> str:
    """A line of plan as it is read: "Order an MRI" is the text's own plan, and says so."""
    return f"{LEAD}{line[:1].lower()}{line[1:].rstrip('.')}."


def _warning(flag: RedFlag) -> Recommendation:
    return Recommendation(flag.text, "red_flag", flag.urgency, flag.source, flag.evidence)


def _whole(begin: str, text: str) -> str:
    """The line with its beginning, which a model that answers, and does not continue, may have said again or not."""
    if text[:1].isspace() or not begin:
        return f"{begin}{text}"
    return text if text.casefold().startswith(begin.casefold()) else f"{begin} {text}"


def _lines(text: str) -> list[str]:
    """The lines of what a model wrote, a sentence each; the patient is no you in them."""
    bare = (each.lstrip("-*• ").strip() for line in text.splitlines() for each in _SENTENCE.split(line))
    put = (_YOUR.sub("the", _YOU.sub("the patient", line)) for line in bare)
    return [line for line in put if line and line != asks.NO_PLAN]


@dataclass(slots=True)
class _Watch:
    """Tells of each token; of the lines nothing is told before they are found to be supported."""

    asked: Sequence[Asked]
    desk: Desk
    tokens: dict[int, int] = field(default_factory=dict)

    def told(self, row: int, tokens: int, _text: str) -> None:
        each = self.asked[row]
        self.tokens[row] = tokens
        own = [row for row, other in enumerate(self.asked) if other.at == each.at]
        self.desk.tell(each.case, sum(self.tokens.get(row, 0) for row in own) / (MOST_TOKENS * len(own)))
