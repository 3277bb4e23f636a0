"""The words of a spoken sentence without what belongs to speech only: fillers, short forms and spelled names."""

from __future__ import annotations

import re
from collections.abc import Sequence

from worker.clinical.conjugation import verbs
from worker.clinical.reading import Reading
from worker.clinical.tokens import word_list, word_set

_WORD = re.compile(r"\d++(?:[.,/:]\d++)*+%?(?![\w])|[^\W_]++(?:['-][^\W_]++)*+|[^\w\s]")
_SPELLED = re.compile(r"(?:[A-Z]\.? ){1,8}[A-Z]\.?")
_UNITS = word_set(
    "mg ml mcg g kg lb lbs pounds feet foot inches cm mm liters percent years year months month weeks week days "
    "day hours hour minutes minute times beers packs pack cigarettes drinks cups tablets pills units kids "
    "children"
)
_ORDINALS = {"first": 1, "second": 2, "third": 3, "fourth": 4, "fifth": 5, "sixth": 6, "seventh": 7, "eighth": 8,
             "ninth": 9}  # fmt: skip
"""Behind twenty and thirty they end a number."""
_LETTERS = word_set("mg ml mcg kg lbs cm mm pm am")
_CENTURY = 100
_DIGITS_FROM = 10
"""Smaller numbers stay words unless a unit follows, as a note writes them."""
_SHORT = {
    "i'm": "i am", "i've": "i have", "i'll": "i will", "you're": "you are", "you've": "you have", "you'll": "you will",
    "we're": "we are", "we've": "we have", "we'll": "we will", "they're": "they are", "they've": "they have",
    "they'll": "they will", "don't": "do not", "doesn't": "does not", "didn't": "did not", "haven't": "have not",
    "hasn't": "has not", "hadn't": "had not", "isn't": "is not", "aren't": "are not", "wasn't": "was not",
    "weren't": "were not", "can't": "cannot", "couldn't": "could not", "won't": "will not", "wouldn't": "would not",
    "shouldn't": "should not", "gonna": "going to", "wanna": "want to", "cuz": "because", "it'll": "it will",
    "that'll": "that will", "mom": "mother", "mum": "mother", "mommy": "mother", "dad": "father", "daddy": "father",
    "grandma": "grandmother", "grandpa": "grandfather", "mom's": "mother's", "dad's": "father's", "docs": "doctors",
    "meds": "medications", "doc": "doctor", "tummy": "abdomen", "cigs": "cigarettes",
}  # fmt: skip
_IS_OR_HAS = word_set("it's he's she's there's that's what's who's")
_HAVING = word_set("been had got gotten become never started stopped")
_DROPPED = word_set("um umm uh uhh hmm hm er erm ah oh mm mhm actually basically honestly literally")
_LEADS = word_set(
    "lastly finally firstly secondly well so yeah yes yep yup no nope nah and but okay ok right sure correct "
    "exactly absolutely definitely also doctor sir ma'am miss thankfully unfortunately fortunately luckily hi "
    "hello hey anyway like see look then sorry because alright aw oof neither great good wow cool gosh man "
    "sadly plus perfect nice excellent thanks obviously"
)
_LEAD_PHRASES = tuple(
    map(
        word_list,
        (
            "of course", "you know", "i mean", "to be honest", "as i said", "like i said", "all right", "thank you",
            "let's see", "i'd say", "not really", "not at all", "not that i know of", "as you know", "for sure",
            "not that i can remember", "not that i am aware of", "good morning", "good afternoon", "as usual",
            "i see", "i understand", "i know", "i remember", "good evening", "thank god", "thank goodness",
        ),
    )
)  # fmt: skip
_NEGATIVE = word_set("no nope nah")
_TAILS = word_set(
    "well though actually doctor sir ma'am miss then now anyway too basically right um uh okay you know please"
)
_LEANS = word_set(
    "a an the my his her their of in on at to for with and or but have has had is are was were take took about "
    "like some get got from be been"
)
"""Words that lean on what follows: no comma belongs behind them."""
_POINTS = frozenset(",;.!-")


def spoken_words(reading: Reading, start: int, end: int) -> list[str]:
    """The words and signs of a stretch: those of the source, numbers in digits where a note has them so."""
    found = list(_WORD.finditer(reading.text, start, end))
    words: list[str] = []
    for at, each in enumerate(found):
        if at and each[0] in _ORDINALS and found[at - 1][0] in {"20", "30"}:
            words[-1] = f"{int(words[-1]) + _ORDINALS[each[0]]}"
            continue
        if words[-2:] == ["2000", "and"] and each[0].isdigit() and int(each[0]) < _CENTURY:
            words[-2:] = [f"{2000 + int(each[0])}"]
            continue
        following = next((other[0] for other in found[at + 1 : at + 4] if not _goes_on(other[0])), "")
        is_range = [other[0] for other in found[at + 1 : at + 3]][:1] in (["to"], ["or"]) and _is_large(found, at + 2)
        is_kind = at and found[at - 1][0] == "type"
        following = "years" if is_range or is_kind else following
        words += _written(reading, each.start(), each.end(), following).split()
    return _without_tag(words)


def _without_tag(words: Sequence[str]) -> list[str]:
    """Without the name of the speaker before a line that goes on."""
    colon = next((at for at, each in enumerate(words[:4]) if each == ":"), None)
    is_tag = colon is not None and words[0].lower() in {"guest", "patient", "doctor"}
    return list(words[colon + 1 :]) if is_tag and colon is not None else list(words)


def _is_large(found: Sequence[re.Match[str]], at: int) -> bool:
    """Whether a number stands there that is written in digits: from nine to 10."""
    return at < len(found) and found[at][0].isdigit() and int(found[at][0]) >= _DIGITS_FROM


def _goes_on(word: str) -> bool:
    """Whether it belongs to a number that is not told yet: 1 to 2 packs."""
    return word in {"to", "or", "-", "and", "additional"} or word.isdigit()


def plain(words: Sequence[str]) -> list[str]:
    """The words without fillers at the head, within and at the end, and with short forms written out."""
    kept = _without_asides(_without_fillers(words))
    kept = _without_lead(kept)
    kept = _without_tail([part for word in _expanded(kept) for part in word])
    return [each for at, each in enumerate(kept) if each not in _POINTS or (at and kept[at - 1] not in _POINTS)]


def _written(reading: Reading, start: int, end: int, following: str) -> str:
    source, read = reading.words(start, end), reading.text[start:end]
    if _SPELLED.fullmatch(source):
        letters = re.sub(r"[ .]", "", source)
        return read if read in _LETTERS else letters
    if not read[0].isdigit() or source[0].isdigit():
        return source.replace("’", "'")
    whole = read.replace(".", "").replace(",", "")
    small = whole.isdigit() and read == whole and int(whole) < _DIGITS_FROM
    return source.lower() if small and following not in _UNITS else read


def _without_fillers(words: Sequence[str]) -> list[str]:
    """Without um and uh, and without the commas around them where the words before and behind belong together."""
    kept: list[str] = []
    for at, each in enumerate(words):
        if each.lower() in _DROPPED and not (len(each) > 1 and each.isupper()):
            continue
        if each.lower() == "like" and words[at + 1 : at + 2] and words[at + 1][0].isdigit():
            continue
        behind = at and words[at - 1].lower() in _DROPPED
        if behind and each == "," and kept and (kept[-1] == "," or kept[-1].lower() in _LEANS):
            if len(kept) > 1 and kept[-1] == "," and kept[-2].lower() in _LEANS:
                kept.pop()
            continue
        kept.append(each)
    return kept


def _without_asides(words: Sequence[str]) -> list[str]:
    """Without like, well, you know and I mean between commas."""
    kept: list[str] = []
    at = 0
    while at < len(words):
        for size in (1, 2):
            inner = " ".join(words[at + 1 : at + 1 + size]).lower()
            is_aside = words[at] == "," and words[at + 1 + size : at + 2 + size] in ([","], ["."])
            if is_aside and inner in {"like", "well", "you know", "i mean", "yeah", "yes", "so", "of course", "sir"}:
                at += 1 + size
                break
        else:
            kept.append(words[at])
            at += 1
    return kept


def _without_lead(words: Sequence[str]) -> list[str]:
    kept = list(words)
    while kept:
        low = [each.lower() for each in kept[:6]]
        phrase = next((each for each in _LEAD_PHRASES if low[: len(each)] == each and _pauses(kept, len(each))), None)
        if phrase:
            kept = kept[len(phrase) :]
        elif kept[0] in _POINTS or (low[0] in _LEADS and not _is_needed(low)):
            kept = kept[1:]
        else:
            break
    return kept


def _pauses(words: Sequence[str], at: int) -> bool:
    return at < len(words) and words[at] in _POINTS


def _is_needed(low: Sequence[str]) -> bool:
    """No pain, so much, right knee: the word is a part of what follows."""
    if len(low) < 2 or low[1] in _POINTS:
        return False
    if low[0] in {"yes", "yeah", "yep", "yup", "nope", "nah", "well", "and", "but", "okay", "ok", "also", "thankfully"}:
        return False
    subjects = ("i", "my", "there", "we", "she", "he", "it", "the", "i'm", "i've", "because", "um")
    return low[1] not in subjects


def _without_tail(words: Sequence[str]) -> list[str]:
    kept = list(words)
    while kept and (kept[-1] in ".,!-" or (kept[-1].lower() in _TAILS and len(kept) > 2 and _is_tail(kept))):
        kept = kept[: -2 if kept[-1].lower() == "well" else -1]
    return kept


def _is_tail(words: Sequence[str]) -> bool:
    last = words[-1].lower()
    before = words[-2].lower()
    if last == "well":
        return before == "as"
    if last in {"right", "then", "you", "know", "okay", "please"}:
        return before == "," or (last == "know" and before == "you")
    if last == "now":
        return before not in {"right", "until", "till", "from", "by", "for", "since", "up", "is", "are", "am"}
    return True


def _expanded(words: Sequence[str]) -> list[list[str]]:
    return [_whole(word, words[at + 1 : at + 3]) for at, word in enumerate(words)]


def _whole(word: str, following: Sequence[str]) -> list[str]:
    low = word.lower()
    if low in _SHORT:
        whole = _SHORT[low].split()
        return [whole[0].capitalize() if word[0].isupper() else whole[0], *whole[1:]]
    after = following[0].lower() if following else ""
    if low == "i'd":
        return ["I", "had" if after in {"been", "had", "never"} else "would" if verbs().is_base(after) else "'d"]
    if low in _IS_OR_HAS:
        return [word[: word.index("'")], "has" if after in _HAVING else "is"]
    return [word]
