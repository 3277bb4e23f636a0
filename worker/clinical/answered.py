"""A question and its short answer as one statement in the words of the patient: Do you smoke? No. - I do not smoke."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

from worker.clinical.certain import is_finite
from worker.clinical.conjugation import past, third, verbs
from worker.clinical.tokens import word_set

_YES = word_set(
    "yes yeah yep yup sure correct right exactly absolutely definitely certainly do am have did was i that's it "
    "it's is sir ma'am doctor um uh oh unfortunately indeed of course that all i'm , . !"
)
_NO = word_set(
    "know aware like that of anything those kind no nope nah never none neither nothing not at all i don't do "
    "haven't have didn't did am i'm wasn't was can't cannot sir ma'am doctor um uh oh ever , . ! thankfully "
    "fortunately"
)
_YES_FIRST = word_set("yes yeah yep yup sure correct right exactly absolutely definitely certainly i that's it")
_NO_FIRST = word_set("no nope nah never none neither not i um uh oh")
_ECHOES = {
    "did": "did", "didn't": "did", "was": "were", "wasn't": "were", "have": "have", "haven't": "have", "do": "do",
    "don't": "do", "am": "are", "i'm": "are", "can't": "can", "cannot": "can",
}  # fmt: skip
_TAKES_BACK = re.compile(
    r"(?:well|but|actually|except|only|sometimes|just|maybe|unless|although|i used|oh wait|wait|once|not|no|i mean|"
    r"i guess|i think|i did|i do|i have|occasionally|yes|yeah)(?!\w)"
)
"""How a further sentence begins that may take a bare yes or no back."""
_BEFORE_LONG = re.compile(
    r"(?:it has been|it was|it started|that was|they started|it began|i would say) ", re.IGNORECASE
)
_PLAIN_HEADS = word_set(
    "about around roughly maybe almost over just for in on at with my a an the two three four five six seven "
    "eight nine ten one half once twice every some only last yesterday back near since when during nearly"
)
_YOU = {"you": "I", "your": "my", "yourself": "myself", "yours": "mine"}
_OPEN = word_set("it that this these those there them they he she we us our me i else which what why one ones")
_UNSURE_NO = word_set("never and still also just always usually too already both only not without other now")
_UNSURE_YES = word_set("never or not other either if much many else without how")
_ASKED = re.compile(r"(?P<aux>do|did|are|were|have|can) you (?P<rest>[a-z0-9].{2,150})", re.IGNORECASE)
_TAGGED = re.compile(
    r"you (?P<rest>[a-z].{3,150}?) ?,? ?(?:right|correct|is that right|is that correct)", re.IGNORECASE
)
_HAVING = word_set("have had having experiencing experienced feeling noticed")
_OWNED = word_set(
    "children kids siblings brothers sisters job insurance pets pharmacy doctor partner family questions plans support "
    "idea time log history surgery surgeries operations"
)
_BEYOND = word_set("other not without same")
_WHENEVER = re.compile(
    r"what (?:happens|happened|reaction do you have) (?:when|if) you (?P<rest>\w.{2,80})", re.IGNORECASE
)
"""Its answer is true only of that time."""
_RUNS = re.compile(
    r"(?:does|do) (?P<what>[a-z][\w ,]{2,60}) (?:usually )?run in your family(?: too)?|"
    r"(?:do you have )?(?:any|a) family history of (?P<which>[a-z][\w ,]{2,60})",
    re.IGNORECASE,
)
_FAMILY = re.compile(
    r"(?P<aux>does|did|has) any(?:one|body)(?: else)? in your (?:immediate )?family (?:ever )?(?P<verb>[a-z]+) "
    r"(?P<rest>[a-z].{2,80})",
    re.IGNORECASE,
)
_NAMES = r"(?!name|birthday|date of birth|address|phone|number|question|plan|thought|guess|opinion|pain level)"
_WHO = r"(?P<answer>my .+)"
_TIME = (
    r"(?P<answer>(?:(?:about|around|roughly|maybe|almost|over|just) ){0,4}(?:[\w-]+ ){1,4}ago|"
    r"(?:back )?(?:in|on|last|at|during|this|when i was|since) [\w ,]{2,40}|yesterday[\w ]{0,20})"
)
_LONG = (
    r"(?:for )?(?P<answer>(?:(?:about|around|roughly|almost|over|nearly|at least|more than|the past|the last) ){0,4}"
    r"(?:a |a few |a couple of |a couple |several )?(?:\d+ |two |three |four |five |six |seven |eight |nine |ten )?"
    r"(?:to \w+ |or \w+ )?(?:and a half )?(?:years?|months?|weeks?|days?|hours?))"
)
_LIST = r"(?P<answer>(?!to |because|not |don't|since|for )[a-z][\w ,'-]{3,100})"
_ANY = r"(?P<answer>[\w].*)"
_FRAMES: tuple[tuple[str, str, str], ...] = (
    (r"when were you (?:first )?(?P<rest>\w.+)", _TIME, "I was {rest} {answer}"),
    (r"when did you (?:first )?(?P<verb>\w+)(?P<rest>.*)", _TIME, "I {past}{rest} {answer}"),
    (r"how long have you (?P<rest>(?:been|had|lived|worked|smoked|taken|used|known).*)", _LONG,
     "I have {rest} for {answer}"),
    (r"(?:for )?how long (?:have you been|are you|you are|you have been) (?P<rest>\w+ing)(?P<more> \w+)?", _LONG,
     "I have been {rest}{more} for {answer}"),
    (r"where do you (?P<rest>(?:live|work|go).*)", r"(?P<answer>(?:in|at|with|near|on|for) .+)", "I {rest} {answer}"),
    (r"how long have you had (?:this|that|the|these|your) (?P<rest>[a-z][a-z ]{2,40})", _LONG,
     "I have had {rest} for {answer}"),
    (r"how long (?:has|have) your (?P<rest>[a-z ]{3,30}) been (?P<more>[a-z ]{3,40})", _LONG,
     "My {rest} has been{more} for {answer}"),
    (r"when did (?:the|your|this|these|that) (?P<rest>[a-z ]{3,40}) (?:start|begin)", _TIME,
     "The {rest} started {answer}"),
    (r"what (?:are your symptoms|(?:kind of |other )?symptoms (?:are|have) you (?:been )?(?:having|experiencing|had))",
     _LIST, "I have {answer}"),
    (r"what (?:brings you in|brought you in|brings you here)(?: today)?", _LIST, "I came in for {answer}"),
    (r"who do you live with", _WHO, "I live with {answer}"),
    (r"(?:who lives with you|who(?: else)? lives (?:at home|in the house|there) with you)", _WHO,
     "I live with {answer}"),
    (r"how many (?P<what>[\w ]{3,30}) do you (?P<rest>have|smoke|drink|take)(?P<more> .+)?",
     r"(?P<answer>(?!one$|1$)[\w]+)",
     "I {rest} {answer} {what}{more}"),
    (r"how (?:much|often|many \w+) do you (?P<rest>smoke|drink|exercise|use|take|work out|weigh)(?P<more> \w+)?",
     r"(?P<answer>(?:(?:about|around|roughly|maybe|only|just|at least|at most|almost) ){0,4}(?:a|an|one|two|three|four|"
     r"five|six|half|once|twice|every|\d+)(?!\w).*)", "I {rest}{more} {answer}"),
    (r"what (?:kind|type|sort) of (?P<what>\w+) do you (?P<rest>do|take|use|drink|have|smoke|work in)", _ANY,
     "I {rest} {answer}"),
    (r"what (?:other )?(?:medications?|medicines?|meds|drugs)(?: \w+)? (?:are you (?:\w+ )?(?:taking|on)|do you take)"
     r"[\w ]{0,30}", _ANY, "I take {answer}"),
    (r"what (?:kind of |type of |other )?(?:surger(?:y|ies)|operations?|procedures?) have you had[\w ]{0,20}", _ANY,
     "I have had {answer}"),
    (r"what do you do(?: for (?:a living|work))?", r"(?P<answer>an? .+)", "I am {answer}"),
    (rf"what (?:is|was) your (?P<rest>{_NAMES}[a-z ]{{3,40}})", r"(?P<answer>[\w][\w ,.-]{1,60})",
     "My {rest} is {answer}"),
    (r"what did your (?P<rest>[a-z ]{3,25}) die (?:of|from)", _ANY, "My {rest} died of {answer}"),
    (r"who (?:in your family )?(?:has|had) (?P<rest>[a-z][\w ]{3,40})", r"(?P<answer>my [a-z ]{3,40})",
     "{answer} had {rest}"),
)  # fmt: skip
_SINCE = re.compile(
    r"(?:for (?:the |about |around |over |almost |a |an |at least |like |probably ){0,4}"
    r"(?:last |past |few |couple of |couple ){0,4}(?:\w+ )?(?:and a half )?(?:years?|months?|weeks?|days?|hours?)"
    r"(?: now| or so)?|"
    r"(?:about |around |almost )?\w+ (?:years?|months?|weeks?|days?|hours?) ago|since (?:last )?\w+|in (?:the )?\w+|"
    r"last (?:year|month|week|night)|yesterday)",
    re.IGNORECASE,
)
_OPEN_FRAMES = tuple(
    (re.compile(rf"\A(?:{asks})", re.IGNORECASE), re.compile(rf"\A(?:{tells})", re.IGNORECASE), frame)
    for asks, tells, frame in _FRAMES
)


def statement(question: Sequence[str], answer: Sequence[str], short: Sequence[str], after: str) -> list[str] | None:
    """What question and answer say together, as the patient would say it; None where that is not certain, and
    no words where the answer is no statement by itself either.

    `question` and `short` are words without fillers (worker/clinical/plain_speech.py), `answer` all that is answered
    in one sentence, `after` the next sentence of the one who answers.
    """
    asked = " ".join(each for each in question if each != "?")
    if when := _WHENEVER.fullmatch(asked):
        return ["When", "I", *_own(when["rest"]), ",", *short] if short[:1] == ["I"] else []
    is_yes = _is_bare(answer, _YES, _YES_FIRST)
    if (more := _further(answer)) and (whole := _settled(asked, is_yes=True)):
        return None if _TAKES_BACK.match(after.lower()) else [*whole, *more]
    if is_yes or _is_bare(answer, _NO, _NO_FIRST):
        return (
            None if not _echoes(asked, answer) or _TAKES_BACK.match(after.lower()) else _settled(asked, is_yes=is_yes)
        )
    return _filled(asked, short)


def _further(answer: Sequence[str]) -> list[str]:
    """Yes, for two weeks: the words that tell since when or how long."""
    words = [each for each in answer if each not in {",", ".", "!"}]
    low = [each.lower() for each in words]
    at = next((at for at, each in enumerate(low) if each not in _YES or each in {"in", "all", "of"}), len(low))
    if not at or low[0] not in _YES_FIRST or low[0] in {"i", "that's", "it"} or at == len(low):
        return []
    rest = " ".join(words[at:])
    return words[at:] if _SINCE.fullmatch(rest) else []


def _echoes(asked: str, answer: Sequence[str]) -> bool:
    """Whether the verb of an answer is that of the question: do you take it? I did - not any more."""
    echoed = {_ECHOES[each.lower()] for each in answer if each.lower() in _ECHOES}
    return echoed <= {asked.split()[0].lower() if asked else ""} or not echoed


def _is_bare(answer: Sequence[str], words: frozenset[str], first: frozenset[str]) -> bool:
    """Whether an answer says no more than yes, or than no."""
    low = [each.lower() for each in answer]
    if ("know" in low or "aware" in low) and "that" not in low:
        return False
    return bool(low) and all(each in words for each in low) and any(each in first for each in low[:3])


def _settled(asked: str, *, is_yes: bool) -> list[str] | None:
    if tagged := _TAGGED.fullmatch(asked):
        return ["I", *_own(tagged["rest"])] if is_yes and _is_closed(tagged["rest"], _UNSURE_YES) else None
    if runs := _RUNS.fullmatch(asked):
        what = runs["what"] or runs["which"]
        if not _is_closed(what, _BEYOND | _OPEN):
            return None
        return ["There", "is", *(["a"] if is_yes else ["no", "known"]), *["family", "history", "of"], *what.split()]
    if family := _FAMILY.fullmatch(asked):
        return _of_nobody(family) if not is_yes else None
    found = _ASKED.fullmatch(asked)
    if not found or not _is_closed(found["rest"], _UNSURE_YES if is_yes else _UNSURE_NO):
        return None
    aux, rest = found["aux"].lower(), [each for each in _own(found["rest"]) if each.lower() != "ever"]
    if aux in {"do", "did"} and not (rest and verbs().is_base(rest[0].lower())):
        return None
    if not is_yes and _is_complaint(rest):
        return ["I", "deny", *rest[1:]]
    if not is_yes:
        return ["I", {"can": "cannot"}.get(aux, aux), *(["not"] if aux != "can" else []), *rest]
    rest = [each for each in rest if each.lower() != "any"]
    if aux == "do":
        return ["I", *rest]
    if aux == "did":
        verb = past(rest[0].lower()) if rest else None
        return ["I", verb, *rest[1:]] if verb else None
    return ["I", aux, *rest]


def _of_nobody(found: re.Match[str]) -> list[str] | None:
    """Does anyone in your family have asthma? No."""
    verb, rest = found["verb"].lower(), found["rest"]
    form = {"does": third(verb), "did": past(verb) or "", "has": f"has {verb}"}[found["aux"].lower()]
    return (
        ["No", "one", "in", "my", "family", *form.split(), *_own(rest)] if form and _is_closed(rest, _BEYOND) else None
    )


def _is_complaint(rest: Sequence[str]) -> bool:
    """Whether it is had and not owned: any pain, not any children."""
    low = [each.lower() for each in rest]
    return low[:1] != [] and low[0] in _HAVING and low[1:2] in (["any"], ["a"]) and not _OWNED & set(low)


def _is_closed(rest: str, unsure: frozenset[str]) -> bool:
    """Whether a question asks for one thing that it names."""
    low = set(re.findall(r"[\w']+", rest.lower()))
    return not low & (_OPEN | unsure) and "?" not in rest


def _filled(asked: str, short: Sequence[str]) -> list[str] | None:
    """A question for when, where, how long or what, with its answer in place."""
    text = _BEFORE_LONG.sub("", " ".join(short))
    low = [] if text.startswith("when") else [each.lower() for each in text.split()]
    if not text or any(each in _OPEN or is_finite(each) for each in low):
        return None
    for pattern, answers, frame in _OPEN_FRAMES:
        found, given = pattern.fullmatch(asked), answers.fullmatch(text)
        if not found or not given:
            continue
        parts = {name: " ".join(_own(part or "")) for name, part in found.groupdict().items()}
        if any(set(part.lower().split()) & _OPEN for part in parts.values()):
            return None
        verb = past(parts["verb"].lower()) if "verb" in parts else ""
        if verb is None:
            return None
        spaced = {name: f" {part}" if name == "more" and part else part for name, part in parts.items()}
        return frame.format(past=verb, answer=_lowered(given["answer"]), **{**spaced, **_gapped(parts)}).split()
    return None


def _lowered(answer: str) -> str:
    """An answer within a sentence; names keep their capitals."""
    head = answer.split()[0]
    return answer[:1].lower() + answer[1:] if head.lower() in _PLAIN_HEADS else answer


def _gapped(parts: Mapping[str, str]) -> dict[str, str]:
    """The words behind a verb stand apart from it."""
    return {"rest": f" {parts['rest']}"} if "verb" in parts and parts["rest"] else {}


def _own(text: str) -> list[str]:
    """The words to the patient as his own: your as my."""
    return [_YOU.get(each.lower(), each) for each in text.split()]
