"""A finished result as a readable page: danger first, then category, facts, summary and recommendations."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from rich.console import Console, Group, RenderableType
from rich.padding import Padding
from rich.panel import Panel
from rich.rule import Rule
from rich.table import Table
from rich.text import Text

from shared.job import JobStatus

Document = Mapping[str, Any]

WIDEST = 100  # columns
BAR_CELLS = 20
LONGEST_TRANSCRIPT = 60  # segments; a longer one is better read from a file
ASSERTIONS = {"present": "green", "absent": "red", "possible": "yellow", "hypothetical": "yellow"}
URGENCIES = {"emergency": "bold red", "urgent": "bold yellow", "routine": "green"}
LEFT_OUT = frozenset({"duration_days"})  # attributes for programs, which another one says in words
FACT_ORDER = ("symptom", "condition", "medication", "allergy", "vital", "procedure", "social", "demographic")
CLOCK_BELOW_S = 3600.0


def show(console: Console, document: Document, *, title: str) -> None:
    """Print the result of one job."""
    width = min(console.width, WIDEST)
    console.print()
    console.print(Rule(Text(title, style="bold"), align="left", style="cyan"), width=width)
    for part in _parts(document):
        console.print(Padding(part, (0, 0, 1, 1)), width=width)


def _parts(document: Document) -> Iterable[RenderableType]:
    yield _headline(document) if document.get("status") == JobStatus.COMPLETED else _state(document)
    if flags := document.get("red_flags"):
        yield _red_flags(flags)
    if segments := (document.get("transcript") or {}).get("segments"):
        yield _transcript(segments)
    if classification := document.get("classification"):
        yield _category(classification)
    if facts := document.get("facts"):
        yield _facts(facts)
    if sentences := document.get("summary"):
        yield _summary(sentences)
    if recommendations := document.get("recommendations"):
        yield _recommendations(recommendations)
    if notes := list(_notes(document)):
        yield Text("\n").join(notes)


def _headline(document: Document) -> Text:
    summary = document.get("clinical_summary") or {}
    gender, age = summary.get("patient_gender"), summary.get("patient_age")
    who = [each for each in (f"{age} years" if age is not None else None, gender) if each]
    seconds = sum((document.get("timings") or {}).values())
    line = Text.assemble(("Patient ", "dim"), ", ".join(who) or "age and gender not stated")
    if language := document.get("language"):
        line.append_text(Text.assemble(("   Language ", "dim"), str(language)))
    if duration := (document.get("transcript") or {}).get("duration_s"):
        line.append_text(Text.assemble(("   Recording ", "dim"), _clock(float(duration))))
    if seconds:
        line.append_text(Text.assemble(("   Computed in ", "dim"), f"{seconds:.1f} s"))
    return line


def _state(document: Document) -> Text:
    """Where a job stands that has no result, and why it ended if it has ended."""
    line = Text(str(document["status"]).replace("_", " "), style="bold yellow")
    if document["status"] == JobStatus.RUNNING:
        share = float(document.get("progress") or 0.0)
        line.append(f"  {document.get('stage')}, {share:.0%} of the whole", style="not bold")
    if (position := document.get("position")) is not None:
        line.append(f"  {position} wait before it", style="not bold")
    if (eta := document.get("eta_s")) is not None:
        line.append(f"  done in about {_clock(float(eta))}", style="not bold")
    reason = document.get("reason")
    if isinstance(reason, Mapping):
        line.append(f"  {reason.get('detail') or reason.get('code')}", style="not bold")
    return line


def _red_flags(flags: Sequence[Document]) -> Panel:
    lines = []
    for each in flags:
        urgency = str(each.get("urgency", ""))
        line = Text.assemble((f"{urgency.upper()}  ", URGENCIES.get(urgency, "red")), str(each["text"]))
        line.append(f"  ({each.get('source', '')})", style="dim")
        lines.append(line)
    return Panel(Text("\n").join(lines), title="Red flags", title_align="left", border_style="red")


def _transcript(segments: Sequence[Document]) -> Group:
    table = Table.grid(padding=(0, 2, 0, 0))
    for each in segments[:LONGEST_TRANSCRIPT]:
        words = Text.assemble((f"{each['speaker']}: " if each.get("speaker") else "", "cyan"), str(each["text"]))
        if flags := each.get("flags"):
            words.append(f"  [{', '.join(flags).replace('_', ' ')}]", style="yellow")
        table.add_row(Text(_clock(float(each["start_s"])), style="dim"), words)
    parts: list[RenderableType] = [_heading("Transcript"), table]
    if (more := len(segments) - LONGEST_TRANSCRIPT) > 0:
        parts.append(Text(f"and {more} lines more: clinq result ID --transcript txt", style="yellow"))
    return Group(*parts)


def _category(classification: Document) -> RenderableType:
    table = Table.grid(padding=(0, 2))
    for number, each in enumerate(_top(classification)):
        score = float(each["score"])
        cells = round(score * BAR_CELLS)
        bar = Text("█" * cells, style="cyan") + Text("░" * (BAR_CELLS - cells), style="dim")
        table.add_row(Text(str(each["category"]), style="bold" if number == 0 else "dim"), bar, f"{score:.0%}")
    parts: list[RenderableType] = [_heading("Category"), table]
    if classification.get("needs_review"):
        parts.append(Text("not sure enough: a person should choose the category", style="yellow"))
    return Group(*parts)


def _top(classification: Document) -> Sequence[Document]:
    if top := classification.get("top"):
        return list(top)
    scores = sorted(classification["all_scores"].items(), key=lambda pair: -pair[1])[:3]
    return [{"category": category, "score": score} for category, score in scores]


def _facts(facts: Sequence[Document]) -> Group:
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="dim italic")
    for heading in ("Kind", "In the text", "Said to be", "Who, when", "Details", "Code"):
        table.add_column(heading, no_wrap=heading in {"Kind", "Said to be", "Code"})
    for each in sorted(facts, key=_order):
        assertion = str(each["assertion"])
        table.add_row(
            Text(str(each["kind"]), style="dim"),
            Text(str(each["text"])),
            Text(assertion, style=ASSERTIONS.get(assertion, "")),
            Text(_who_and_when(each)),
            Text(_details(each)),
            Text(_code(each), style="dim"),
        )
    return Group(_heading("Facts"), table)


def _order(fact: Document) -> tuple[int, int]:
    kind = FACT_ORDER.index(fact["kind"]) if fact["kind"] in FACT_ORDER else len(FACT_ORDER)
    evidence = fact.get("evidence") or [{"start": 0}]
    return kind, int(evidence[0]["start"])


def _who_and_when(fact: Document) -> str:
    who = fact.get("relation") or fact.get("experiencer")
    when = fact.get("temporality")
    return ", ".join(
        str(each) for each in (None if who == "patient" else who, None if when == "current" else when) if each
    )


def _details(fact: Document) -> str:
    attributes = {name: each for name, each in (fact.get("attrs") or {}).items() if name not in LEFT_OUT}
    parts = []
    if {"systolic", "diastolic"} <= attributes.keys():
        parts.append(f"{attributes.pop('systolic')}/{attributes.pop('diastolic')} {attributes.pop('unit', '')}".strip())
    if amount := attributes.pop("dose", attributes.pop("value", None)):
        parts.append(f"{amount} {attributes.pop('unit', '')}".strip())
    parts += [str(each) for each in attributes.values()]
    return " · ".join(parts)


def _code(fact: Document) -> str:
    """The first code with the short name of its system."""
    if not fact.get("codes"):
        return ""
    code = fact["codes"][0]
    names = {"icd": "ICD-10", "snomed": "SNOMED", "rxnorm": "RxNorm", "loinc": "LOINC", "phenotype": "HPO"}
    system = str(code["system"]).lower()
    name = next((name for part, name in names.items() if part in system), "")
    return f"{name} {code['code']}".strip()


def _summary(sentences: Sequence[Document]) -> Group:
    parts: list[RenderableType] = [_heading("Summary")]
    section = None
    for each in sentences:
        if each.get("section") != section:
            section = each.get("section")
            parts.append(Text(str(section).replace("_", " ").capitalize(), style="cyan"))
        parts.append(Padding(Text(str(each["text"])) + _doubt(each), (0, 0, 0, 2)))
    return Group(*parts)


def _recommendations(recommendations: Sequence[Document]) -> Group:
    table = Table.grid(padding=(0, 2))
    table.add_column(no_wrap=True)
    table.add_column()
    for each in recommendations:
        urgency = str(each.get("urgency", "routine"))
        mark = "?" if each.get("kind") == "question" else "→"
        text = Text(str(each["text"])) + _doubt(each)
        text.append(f"  ({each.get('source', '')})", style="dim")
        table.add_row(Text(f"{mark} {urgency}", style=URGENCIES.get(urgency, "")), text)
    return Group(_heading("Recommendations for the clinician"), table)


def _doubt(each: Document) -> Text:
    support = each.get("support", "supported")
    return Text() if support == "supported" else Text(f"  [{support}]", style="yellow")


def _notes(document: Document) -> Iterable[Text]:
    for each in document.get("degraded") or ():
        yield Text(f"{each['stage']} ran on its {each['engine']} engine: {each['reason']}", style="yellow")
    for warning in document.get("warnings") or ():
        yield Text(f"warning: {warning}", style="yellow")
    if models := document.get("models"):
        used = ", ".join(f"{stage} {each['name']}" for stage, each in models.items())
        yield Text(f"Models: {used}", style="dim")
    if disclaimer := document.get("disclaimer"):
        yield Text(str(disclaimer), style="dim italic")


def _heading(words: str) -> Text:
    return Text(words, style="bold underline")


def _clock(seconds: float) -> str:
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes}:{rest:02d}" if seconds < CLOCK_BELOW_S else f"{minutes // 60}:{minutes % 60:02d}:{rest:02d}"


def as_json(document: Document) -> str:
    """A result as indented JSON."""
    return json.dumps(document, ensure_ascii=False, indent=2)
