"""The words of a page as plain text: what the end of a line has cut is one word again, and every sign can be seen."""

from __future__ import annotations

import re
import unicodedata

CUT = "\x02"
"""PDFium's mark for a hyphen at the end of a line; it leaves the line's end out (`kHyphen` in cpdf_textpage.cpp)."""
HALVES = frozenset({
    "alpha", "beta", "day", "double", "family", "follow", "full", "gamma", "half", "high", "hour", "left", "long",
    "low", "mid", "month", "old", "right", "self", "short", "side", "single", "week", "well", "year",
})  # fmt: skip
"""Words that a hyphen joins to the next and that end no syllable of a longer word: follow-up, beta-blocker."""
_ENDS = re.compile("\r\n|[\r\f\v\x85\u2028\u2029]")
_SPACES = re.compile(r"[^\S\n\t]")
_LIGATURES = re.compile("[\ufb00-\ufb06]")
_UNSEEN = re.compile("[\x00-\x08\x0e-\x1f\x7f-\x9f\u00ad\u200b\u2060\ufeff\ufffe\uffff]")
_BROKEN = re.compile(r"(?<![^\W\d_])([^\W\d_]+)-\n(?=([^\W\d_]))")
_NUMBER = re.compile(r"(?<=\w)-\n(?=\w)")
FEWEST_CAPITALS = 4  # before a cut; fewer are an abbreviation: ST-elevation


def plain(text: str) -> str:
    """Unix line ends; no page marks, unseen signs or blank lines outside; letters composed (NFC), cut words joined."""
    text = _SPACES.sub(" ", _ENDS.sub("\n", text).replace(CUT, "-\n").replace("\ufffe", "-\n"))
    text = _LIGATURES.sub(lambda found: unicodedata.normalize("NFKC", found[0]), _UNSEEN.sub("", text))
    text = "\n".join(line.rstrip() for line in unicodedata.normalize("NFC", text).split("\n"))
    return _NUMBER.sub("-", _BROKEN.sub(_joined, text)).strip("\n")


def _joined(cut: re.Match[str]) -> str:
    """The first half, without the hyphen where it only marks that the word goes on."""
    first, follows = cut[1], cut[2]
    compound = cut.string[: cut.start()].endswith("-") or first.casefold() in HALVES  # 45-year-old, follow-up
    small = follows.islower() and (first.islower() or first[1:].islower())
    capitals = follows.isupper() and first.isupper() and len(first) >= FEWEST_CAPITALS
    return first if (small or capitals) and not compound else f"{first}-"
