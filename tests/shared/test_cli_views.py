"""What people see: log lines, live progress, the page of a result."""

from __future__ import annotations

import io
import json

from rich.console import Console

from shared.job import JobStatus, Progress, StageName
from shared.terminal import page
from shared.terminal.following import Following
from shared.terminal.lines import readable
from shared.terminal.live import Bars, PlainLines, stages_of

STAGES = (StageName.TRANSCRIBE, StageName.EXTRACT, StageName.RECOMMEND)
T, E, R = STAGES


def at(
    stage: StageName | None, share: float, *, kind: str = "progress", status: str = "running", **text: object
) -> Progress:
    overall = 0.0 if stage is None else (STAGES.index(stage) + share) / len(STAGES)
    document = {"seq": "1-0", "type": kind, "job_id": "j", "status": status, "stage": stage, "progress": overall}
    return Progress.model_validate(document | text)


def screen(width: int = 100, *, terminal: bool = False) -> tuple[Console, io.StringIO]:
    out = io.StringIO()
    return Console(file=out, width=width, force_terminal=terminal, color_system=None, highlight=False), out


def test_a_json_log_line_becomes_words_with_a_short_id() -> None:
    line = json.dumps({"event": "stage done", "stage": "extract", "seconds": 0.2, "job_id": "0199-abcdefgh12345678"})
    said = readable("worker", line).plain
    assert said[9:] == "worker   stage done  stage=extract  seconds=0.2  job_id=…12345678"


def test_a_line_that_is_no_json_stays_as_it_is() -> None:
    assert readable("api", "Traceback (most recent call last): [red]").plain[9:].startswith("api      Traceback (most")
    assert readable("api", "{broken").plain.endswith("{broken")


def test_earlier_stages_are_done_when_a_later_one_is_heard_of_first() -> None:
    heard = Following(STAGES)
    heard.see(at(E, 0.5))
    assert heard.shares == {T: 1.0, E: 0.5}
    assert (heard.word(T), heard.word(E), heard.word(R)) == ("done", "50%", "waits")
    assert heard.running is E


def test_text_that_is_appended_grows_and_text_that_is_not_replaces() -> None:
    heard = Following(STAGES)
    heard.see(at(T, 0.1, partial="Good"))
    heard.see(at(T, 0.2, partial="Good morning"))
    heard.see(at(R, 0.1, partial="Ask", append=True))
    heard.see(at(R, 0.2, partial=" about fever", append=True))
    assert heard.texts == {T: "Good morning", R: "Ask about fever"}
    assert heard.written is R


def test_stages_that_never_ran_are_skipped_at_the_end() -> None:
    heard = Following(STAGES)
    heard.see(at(T, 1.0, kind="stage"))
    heard.see(at(T, 1.0, kind="insufficient_content", status="insufficient_content"))
    assert heard.word(E) == "skipped"
    assert heard.running is None


def test_a_job_that_is_tried_again_goes_on_behind_its_finished_stages() -> None:
    heard = Following(STAGES)
    heard.see(at(E, 0.9))
    heard.see(at(E, 0.9, kind="queued", status="queued"))
    assert heard.running is None
    heard.see(at(E, 0.1))
    assert (heard.running, heard.word(E)) == (E, "10%")


def test_plain_lines_print_each_line_of_text_once() -> None:
    console, out = screen()
    with PlainLines(console, "Recording", STAGES) as lines:
        for text in ("Good", "Good morning.\nWhat", "Good morning.\nWhat brings you in?"):
            lines.see(at(T, 0.5, partial=text))
        lines.see(at(T, 1.0, kind="partial", partial="Good morning.\nWhat brings you in?\nThank"))
        lines.see(at(T, 1.0, kind="partial", partial="Good morning.\nWhat brings you in?\nThank you."))
        lines.see(at(T, 1.0, kind="stage"))
        lines.see(at(R, 1.0, kind="completed", status="completed"))
    printed = out.getvalue().splitlines()
    text = [line.strip() for line in printed if line.startswith("    ")]
    assert text == ["Good morning.", "What brings you in?", "Thank you."]
    assert printed[-1] == "completed"


def test_bars_show_the_end_of_a_long_text_within_the_width() -> None:
    console, out = screen(80, terminal=True)
    with Bars(console, "Recording", STAGES) as bars:
        bars.see(at(T, 0.5, partial="\n".join(f"line {number} " + "word " * 30 for number in range(40))))
    shown = out.getvalue()
    assert "Transcript so far" in shown
    assert "line 39" in shown
    assert "line 3 " not in shown


def test_markup_in_a_note_is_printed_as_it_is() -> None:
    console, out = screen()
    fact = {"kind": "symptom", "text": "[red]pain[/red]", "assertion": "present"}
    page.show(console, {"status": "completed", "facts": [fact]}, title="[bold]x")
    assert "[red]pain[/red]" in out.getvalue()
    assert "[bold]x" in out.getvalue()


def test_the_page_tells_who_when_and_how_much() -> None:
    facts = [
        {
            "kind": "medication",
            "text": "metformin",
            "assertion": "present",
            "attrs": {"dose": 500, "unit": "mg", "frequency": "twice daily"},
            "codes": [{"system": "http://www.nlm.nih.gov/research/umls/rxnorm", "code": "6809"}],
        },
        {"kind": "condition", "text": "stroke", "assertion": "present", "experiencer": "family", "relation": "father"},
        {
            "kind": "vital",
            "text": "BP 142/91",
            "assertion": "present",
            "attrs": {"systolic": 142, "diastolic": 91, "unit": "mm[Hg]"},
        },
    ]
    console, out = screen()
    page.show(console, {"status": "completed", "facts": facts}, title="Note")
    rows = {line.split()[0]: " ".join(line.split()) for line in out.getvalue().splitlines() if line.strip()}
    assert rows["medication"] == "medication metformin present 500 mg · twice daily RxNorm 6809"
    assert rows["condition"] == "condition stroke present father"
    assert rows["vital"] == "vital BP 142/91 present 142/91 mm[Hg]"


def test_a_transcript_is_shown_with_its_times_and_speakers_and_says_what_is_left_out() -> None:
    segments = [{"start_s": 61.0 * n, "text": f"words {n}", "speaker": "patient", "flags": []} for n in range(62)]
    console, out = screen()
    page.show(console, {"status": "completed", "transcript": {"segments": segments}}, title="Recording")
    rows = [" ".join(line.split()) for line in out.getvalue().splitlines()]
    assert "1:01 patient: words 1" in rows
    assert "59:59 patient: words 59" in rows
    assert "and 2 lines more: clinq result ID --transcript txt" in rows
    assert not any("words 60" in row for row in rows)


def test_stages_come_from_the_service_in_either_form() -> None:
    assert stages_of({"stages": [{"name": "extract", "status": "done"}]}) == (E,)
    assert stages_of({"stages": ["extract"]}) == (E,)
    assert stages_of({}) == tuple(StageName)


def test_a_job_that_failed_says_why() -> None:
    console, out = screen()
    page.show(console, {"status": JobStatus.DEAD.value, "reason": {"code": "x", "detail": "gave up"}}, title="Job")
    assert "dead" in out.getvalue()
    assert "gave up" in out.getvalue()
