"""HL7 v2 messages: a strict parser that nobody here wrote takes them, and every word arrives as it was."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest
from hl7apy.consts import VALIDATION_LEVEL
from hl7apy.core import Message
from hl7apy.parser import parse_message

from shared.hl7v2.encoding import LONGEST_ST, lines, parts, text, time
from shared.hl7v2.mdm import mdm
from shared.hl7v2.oru import oru
from shared.job import Encounter, Patient
from tests.worker.fhir.cases import mention
from tests.worker.fhir.finished import finished
from tests.worker.fhir.test_other_readers import CASES, START, measured

WRITERS = {"ORU_R01": oru, "MDM_T02": mdm}


def read(message: str) -> Message:
    parsed = parse_message(message, validation_level=VALIDATION_LEVEL.STRICT)
    assert parsed.validate()
    return parsed


def read_back(write: Callable[[dict], str], bundle: dict) -> str:
    """The message, after the strict parser has taken it."""
    message = write(bundle)
    read(message)
    return message


def segments(message: str, name: str) -> list[list[str]]:
    return [each.split("|") for each in message.split("\r") if each.startswith(f"{name}|")]


def observed(message: str) -> dict[str, list[str]]:
    """The fields of each OBX by the first component of its name."""
    return {each[3].split("^")[0] or each[3].split("^")[1]: each for each in segments(message, "OBX")}


@pytest.mark.parametrize("variant", CASES)
@pytest.mark.parametrize("structure", WRITERS)
def test_a_strict_parser_takes_every_message(note, structure, variant):
    message = WRITERS[structure](finished(variant(note)).bundle)
    assert read(message).name == structure
    assert message.endswith("\r")
    assert "\n" not in message
    assert message.split("\r")[0].split("|")[17] == "UNICODE UTF-8"


def test_each_finding_is_an_observation_that_is_preliminary(note):
    message = oru(finished(note).bundle)
    found = observed(message)
    assert found["HP:0002315"][5] == "Y^Yes^HL70136"
    assert found["HP:0002013"][5] == "N^No^HL70136"
    assert (found["8480-6"][2], found["8480-6"][5], found["8480-6"][6]) == ("NM", "142", "mm[Hg]^mmHg^UCUM")
    assert found["11348-0"][5] == "G43.909^migraine^I10C"  # migraine is of the past
    assert {each[11] for each in segments(message, "OBX")} == {"P"}
    assert {each[25] for each in segments(message, "OBR")} == {"P"}
    assert "father: stroke" in message


def test_an_allergy_is_sent_with_its_sense_and_reaction(case_of):
    words = "penicillin"
    for sense, said in (("present", "penicillin: hives"), ("possible", "penicillin, possible: hives")):
        found = mention(words, "allergy", words, {"reaction": ("hives", None)}, assertion=sense)
        message = oru(finished(replace(case_of(words), mentions=(found,))).bundle)
        assert said in observed(message)["48765-2"][5]


def test_laboratory_values_keep_their_digits(note):
    found = observed(oru(finished(measured(note)).bundle))
    assert (found["4548-4"][5], found["2160-0"][5]) == ("7.10", "0.90")


@pytest.mark.parametrize(("assertion", "words"), [("absent", "denied or ruled out"), ("possible", "possible")])
def test_a_diagnosis_that_is_denied_or_doubted_is_never_sent_as_one(note, assertion, words):
    mentions = tuple(replace(each, assertion=assertion) if each.kind == "condition" else each for each in note.mentions)
    message = oru(finished(replace(note, mentions=mentions)).bundle)
    assert "29308-4" not in message
    assert "I10C" not in message
    assert words in observed(message)["11450-4"][5]


def test_a_confirmed_result_is_final_and_no_longer_called_unreviewed(note):
    done = finished(note)
    after = done.after({"action": "confirm"})
    message = oru(after)
    assert {each[11] for each in segments(message, "OBX")} == {"F"}
    assert "not yet reviewed" not in message
    assert segments(mdm(after), "TXA")[0][17] == "AU"
    assert segments(mdm(done.bundle), "TXA")[0][17] == "IP"


def test_a_rejected_finding_is_not_sent(note):
    done = finished(note)
    assert "migraine" not in oru(done.after({"action": "reject", "facts": [done.fact("condition", "migraine")]}))


def test_a_rejected_result_is_deleted_and_its_words_are_not_sent_again(note):
    after = finished(note).after({"action": "reject"})
    for message in (read_back(mdm, after), read_back(oru, after)):
        assert "headache" not in message
        assert "not yet reviewed" not in message
        assert "Rejected by a reviewer" in message
    (txa,) = segments(mdm(after), "TXA")
    assert (txa[17], txa[19]) == ("IN", "CA")
    assert [each[11] for each in segments(mdm(after), "OBX")] == ["W"]
    assert [each[25] for each in segments(oru(after), "OBR")] == ["X"]


def test_each_section_is_an_order_of_its_own_and_keeps_its_number(note):
    done = finished(note)
    before = {each[4]: each[3] for each in segments(oru(done.bundle), "OBR")}
    assert len(set(before.values())) == len(before) > 3
    without = done.after({"action": "reject", "facts": [done.fact("condition", "migraine")]})
    after = {each[4]: each[3] for each in segments(oru(without), "OBR")}
    assert after.items() < before.items()


def test_every_observation_says_that_nobody_has_reviewed_it_and_notes_are_counted(note):
    done = finished(note)
    kinds = [each.split("|")[0] for each in oru(done.bundle).split("\r")]
    assert all(kinds[number + 1] == "NTE" for number, kind in enumerate(kinds) if kind == "OBX")
    told = oru(done.after({"action": "confirm"}))
    assert {each[1] for each in segments(told, "NTE")} == {"1"}


def test_patient_and_visit_are_the_submitters_with_their_marks_escaped(note):
    patient = Patient(
        identifier="M|1^2", system="https://h.example/mrn", family="O&Brien", given="Zoë", gender="female"
    )
    visit = Encounter(identifier="V7", system="https://h.example/visit", kind="EMER", start=START)
    bundle = finished(replace(note, origin=replace(note.origin, patient=patient, encounter=visit))).bundle
    (pid,) = segments(oru(bundle), "PID")
    assert pid[3].startswith("M\\F\\1\\S\\2^^^&https://h.example/mrn&URI^MR")
    assert (pid[5], pid[8]) == ("O\\T\\Brien^Zoë", "F")
    (pv1,) = segments(mdm(bundle), "PV1")
    assert (pv1[2], pv1[44]) == ("E", "20260301090000+0000")
    assert segments(oru(bundle), "PV1") == [pv1]
    assert read(oru(bundle))
    assert segments(oru(finished(note).bundle), "PV1") == []


def test_who_is_not_named_gets_no_name(note):
    (pid,) = segments(oru(finished(note).bundle), "PID")
    assert (pid[5], pid[7], pid[8]) == ("^^^^^^U", "", "M")


def test_a_patient_of_the_receivers_own_server_is_named_by_that_id(note):
    bundle = finished(replace(note, origin=replace(note.origin, patient=Patient(reference="Patient/77")))).bundle
    assert segments(oru(bundle), "PID")[0][3].startswith("77^^^")


def test_a_visit_on_the_receivers_own_server_is_named_by_that_id(note):
    bundle = finished(replace(note, origin=replace(note.origin, encounter=Encounter(reference="Encounter/8")))).bundle
    (pv1,) = segments(oru(bundle), "PV1")
    assert (pv1[2], pv1[19]) == ("U", "8^^^&urn:clinq:reference&URI^PI")
    assert read(oru(bundle))


def test_a_text_without_findings_is_a_message_too(case_of):
    bundle = finished(case_of("Nothing here.")).bundle
    assert read(oru(bundle)).name == "ORU_R01"
    assert read(mdm(bundle)).name == "MDM_T02"


def test_the_words_of_the_note_arrive_escaped_and_whole(case_of):
    words = "pain|^&~\\\x0bfrom " + "neck to knee " * 40 + "👩🏽‍⚕️" + "x" * 500
    case = replace(case_of(words), mentions=(mention(words, "social", words, concept="habit"),))
    (value,) = [each[5] for each in segments(oru(finished(case).bundle), "OBX")]
    pieces = value.split("~")
    assert max(map(len, pieces)) <= LONGEST_ST
    joined = "".join(pieces).replace(" ", "")
    assert joined == text(words).replace(" ", "")


def test_the_same_bundle_gives_the_same_message_and_another_one_another_id(note):
    done = finished(note)
    assert oru(done.bundle) == oru(done.bundle)
    ids = {segments(each, "MSH")[0][9] for each in (oru(done.bundle), mdm(done.bundle))}
    ids |= {segments(oru(done.after({"action": "confirm"})), "MSH")[0][9]}
    assert len(ids) == 3
    assert max(map(len, ids)) <= 20


def test_what_separates_is_escaped():
    assert text("a|b^c&d~e\\f\rg\x00") == "a\\F\\b\\S\\c\\T\\d\\R\\e\\E\\f g"
    assert lines("one\r\ntwo|\nthree") == "one~two\\F\\~three"
    assert parts("a^b", None, "c", None) == "a\\S\\b^^c"
    assert (time("2026-03-01T09:30:00-05:00"), time("2026-03-01"), time(None)) == (
        "20260301093000-0500",
        "20260301",
        "",
    )
