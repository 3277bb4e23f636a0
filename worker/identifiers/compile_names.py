"""Compile names.tsv, common given and family names with those that are ordinary words too, and words.txt, no names.

Run it as `python -m worker.identifiers.compile_names TEXT ...` with text files of clinical prose; it needs the package
Faker for its census lists, which the running service does not.
"""

from __future__ import annotations

import re
import sys
from collections import Counter
from importlib import import_module
from pathlib import Path

from worker.clinical.tokens import word_set

NAMES = Path(__file__).with_name("names.tsv")
LOCALES = ("en_US", "es_ES")
WORDS = Path(__file__).with_name("words.txt")
COMMON = 4
"""So often in prose, in whatever letters, and a word that no list of names has is an ordinary one."""
ORDINARY = 2
"""So often in small letters in prose, and a name is an ordinary word as well."""
ALSO_ORDINARY = word_set(
    "will mark grace hope faith joy rose dawn june august bill rich drew grant chase pat art gene frank ray jean "
    "ruby pearl jade ivy iris lily daisy violet heather holly ginger amber crystal angel star sky dale glen cliff "
    "rod rusty chip chuck jack jimmy carol christian dean duke earl norm max nick rob sue ted tony victor ward "
    "wade wayne woody hand head foot page park price carter cole hunter mason baker parker fisher cook bush ford "
    "banks rivers lane hill woods barber bishop bond booth burns case church coffey cross dodge field fields "
    "fuller hall ham hardy hart hicks horn huff johns key kidd lamb lawn lowe lynn major mann means mercer mills "
    "moody moon morrow noble nails norris olive pace paul peck pitts pope powers pugh quick randall reed rush "
    "sellers sparks starr steel swan temple tate tucker wall waters webb wells west wood blanca blanco rubio "
    "moreno calvo delgado bueno bravo cano prieto leon luna sol mar pilar consuelo rosario socorro soledad "
    "concepcion encarnacion asuncion angustias milagros remedios nieves paz esperanza dolor flor rosa perla "
    "estrella franco rojo pardo gallego cortes marin ventura reyes santos cruz iglesias molina vega rivera sierra "
    "pena valle ramos robles salinas sala salas torre torres vidal villa vivas toledo soria sevilla leon avila "
    "burgos zamora segovia palencia lugo cuenca "
)
TERMS = Path(__file__).parents[1] / "clinical" / "data"
HEAD = (
    "# given and family names of the Faker lists (MIT; after US Census, SSA and INE) · part: g given, f family · "
    "1: an ordinary word too"
)


def main() -> None:
    """Write the table."""
    prose = [Path(each).read_text(encoding="utf-8") for each in sys.argv[1:]]
    prose += [path.read_text(encoding="utf-8").lower() for path in TERMS.glob("*.t*ml")]
    words = (word for text in prose for word in re.findall(r"(?<![\w'])[^\W\d_]{2,}(?!\w)", text))
    spelled = Counter(words)
    small = Counter({word: count for word, count in spelled.items() if word.islower()})
    parts: dict[str, set[str]] = {}
    for locale in LOCALES:
        provider = import_module(f"faker.providers.person.{locale}").Provider
        for part, names in (("g", provider.first_names), ("f", provider.last_names)):
            for name in names:
                for word in re.findall(r"[^\W\d_]{2,}", name):
                    parts.setdefault(word.lower(), set()).add(part)
    lines = [f"{name}\t{''.join(sorted(parts[name]))}\t{_is_word(name, small)}" for name in sorted(parts)]
    NAMES.write_text("\n".join([HEAD, *lines]) + "\n", encoding="utf-8")
    often: Counter[str] = Counter()
    for word, count in spelled.items():
        often[word.lower()] += count
    common = (word for word in often if (often[word] >= COMMON or small[word]) and word not in parts)
    WORDS.write_text("\n".join(sorted(common)) + "\n", encoding="utf-8")


def _is_word(name: str, small: Counter[str]) -> int:
    return int(name in ALSO_ORDINARY or small[name] >= ORDINARY)


if __name__ == "__main__":
    main()
