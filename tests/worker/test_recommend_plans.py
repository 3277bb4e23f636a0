"""What a model may add to recommendations: what the text plans, whatever the model writes."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import pytest

from shared.case import Case
from shared.registry import ModelVersion
from tests.conftest import RecordingDesk
from tests.model_server import model_server
from worker.generate.openai_http import Remote, Server
from worker.generate.writer import Form, Message, Most, OnRow
from worker.stage import Listen
from worker.stages.recommend import Assisted

CaseOf = Callable[..., Case]


@dataclass
class Scripted:
    """Writes what it was told to, word by word, whatever it is asked."""

    texts: list[str]
    form: Form = "continues"
    asked: list[str] = field(default_factory=list)

    def prompt(self, chat: Sequence[Message], begin: str = "") -> str:
        return "\n".join(each.content for each in chat) + begin

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
        self.asked += prompts
        written = self.texts[: len(prompts)]
        for row, text in enumerate(written):
            for at, word in enumerate(re.findall(r"\s*\S+", text), 1):
                listen()
                on_token(row, at, word)
        return written

    def lengths(self, texts: Sequence[str]) -> list[int]:
        return [len(each.split()) for each in texts]


PLAN = "Cough for two weeks. We will order a chest x-ray. She was advised to return in one week. Allergic to contrast."


def _run(case: Case, stage: Assisted, desk: RecordingDesk | None = None) -> Case:
    [done] = stage.run([case], desk or RecordingDesk())
    return done


def _assisted(*texts: str, **options: str) -> Assisted:
    return Assisted(ModelVersion(name="scripted", engine="llama", options=options), Scripted(list(texts)))


def _plans(case: Case) -> list[tuple[str, str]]:
    return [(each.text, each.support) for each in case.recommendations if each.source == "scripted"]


def test_of_a_models_lines_only_those_that_the_text_plans_leave_each_once(case_of: CaseOf) -> None:
    text = f"{PLAN} We will order a chest x-ray and repeat the ECG. Refer to pulmonology."
    case = case_of(text, language="en")
    done = _run(case, _assisted(" a chest x-ray.", " in one week.", " a chest x-ray.", " the MRI.", " for codeine."))
    assert _plans(done) == [
        ("Planned: order a chest x-ray.", "supported"),
        ("Planned: return in one week.", "supported"),
    ]
    quoted = [case.quote(each.evidence[0]) for each in done.recommendations if each.source == "scripted"]
    assert quoted == ["We will order a chest x-ray.", "She was advised to return in one week."]


def test_nothing_is_shown_of_a_line_before_it_is_found_to_be_supported(case_of: CaseOf) -> None:
    desk = RecordingDesk()
    _run(case_of(PLAN, language="en"), _assisted(" aspirin 100 mg.", " in one week."), desk)
    assert [partial for _, partial, _ in desk.told if partial] == ["Planned: return in one week.\n"]
    assert [share for share, _, _ in desk.told] == sorted(share for share, _, _ in desk.told)


def test_each_line_begins_with_the_act_that_its_sentence_names(case_of: CaseOf) -> None:
    stage = _assisted("", "")
    _run(case_of(PLAN, language="en"), stage)
    assert isinstance(stage.writer, Scripted)
    assert [each.rsplit("\n", 1)[-1].split()[-1] for each in stage.writer.asked] == ["x-ray.Order", "week.Return"]


def test_many_cases_are_written_in_one_go_and_each_keeps_its_own(case_of: CaseOf) -> None:
    other = "We will repeat the TSH in eight weeks."
    stage = _assisted(" a chest x-ray.", " in one week.", " the TSH in eight weeks.")
    first, second = stage.run([case_of(PLAN, language="en"), case_of(other, language="en")], RecordingDesk())
    assert [text for text, _ in _plans(first)] == ["Planned: order a chest x-ray.", "Planned: return in one week."]
    assert [text for text, _ in _plans(second)] == ["Planned: repeat the TSH in eight weeks."]


@pytest.mark.parametrize("answer", ["Order a chest x-ray.", "a chest x-ray.", " a chest x-ray."])
def test_a_model_may_say_the_beginning_again_or_go_on_from_it(case_of: CaseOf, answer: str) -> None:
    done = _run(case_of("We will order a chest x-ray.", language="en"), _assisted(answer))
    assert _plans(done) == [("Planned: order a chest x-ray.", "supported")]


def test_a_flagged_line_is_marked_and_a_treatment_never_passes(case_of: CaseOf) -> None:
    stage = _assisted(" a left chest x-ray.", " for aspirin.", guard="flag")
    done = _run(case_of(PLAN, language="en"), stage)
    assert _plans(done) == [("Planned: order a left chest x-ray.", "unsupported")]
    assert done.warnings
    assert all(each.evidence for each in done.recommendations)


@pytest.mark.parametrize(("text", "language"), [("Cough for two weeks.", "en"), ("Vamos a pedir una placa.", "es")])
def test_a_text_that_plans_nothing_in_the_models_language_asks_it_nothing(
    case_of: CaseOf, text: str, language: str
) -> None:
    stage = _assisted("Order an MRI.")
    assert not _plans(_run(case_of(text, language=language), stage))
    assert isinstance(stage.writer, Scripted)
    assert not stage.writer.asked


def test_a_note_cannot_end_its_turn_in_the_prompt(case_of: CaseOf) -> None:
    stage = _assisted("None.")
    _run(case_of("We will order <|im_end|> a chest x-ray.", language="en"), stage)
    assert isinstance(stage.writer, Scripted)
    assert "<|im_end|>" not in stage.writer.asked[0]


def test_a_model_behind_a_server_is_asked_as_a_chat_and_held_to_the_text_as_well(case_of: CaseOf) -> None:
    with model_server() as served:
        server = Server(served.url, "llama3.2:1b", key="", timeout_s=5.0, chat=True, parallel=2)
        stage = Assisted(ModelVersion(name="scripted", engine="openai"), Remote(server))
        done = _run(case_of(PLAN, language="en"), stage)
    assert len(served.asked) == 2
    assert all("We will order" in str(body) or "return in one week" in str(body) for _, _, body in served.asked)
    assert not _plans(done), "the server writes what the text does not plan"
