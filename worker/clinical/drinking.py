"""Drinking, where "do you drink" or "I drink on weekends" means alcohol without saying so."""

from __future__ import annotations

import re
from collections.abc import Iterator

from worker.clinical.finding import Finding

_DRINKS = re.compile(
    r"(?<!\w)(?:(?<=¿)(?:y )?|(?:i|you|he|she|they|we|not|\w+n't|ever|never|still|also|used to|or|and|only|just|"
    r"sometimes|occasionally|rarely|smoke|usted|no|ni|y|o|tampoco|nunca) )(drink|drinks|drank|drinking|beb[eoi]|bebia|"
    r"beber)(?![\w-])"
)
_EATS = re.compile(r"(?:eat|eats|eating|ate|food|come|comer|comiendo)(?:,? (?:and|or|y|o|ni))? $")
_OTHER = re.compile(
    r"(?: (?:a|an|the|my|his|her|your|some|any|more|enough|lots?|plenty|of|cups?|glass(?:es)?|bottles?|only|just|too|"
    r"much|little|cold|hot|un|una|el|la|mas|mucha?|poca?|de|vasos?|tazas?|\d+)){0,5} (?:water|coffee|tea|soda|pop|milk|"
    r"juice|fluids?|liquids?|formula|caffeine|gatorade|anything|it|that|this|smoothies?|shakes?|alcohol\w*|beers?|wine|"
    r"liquor|whiskey|vodka|socially|agua|cafe|te|leche|zumo|jugo|refrescos?|liquidos?|cerveza|vino)(?!\w)"
)
"""What is drunk, where it is no alcohol or is named."""
_MUCH = re.compile(r" (?:very |that |too )?much(?!\w)")
"""Behind "not drinking" this speaks of fluids."""
_WELL = re.compile(r" (?:very |quite |pretty )?(?:well|enough|okay|ok|fine|alright|normally|poorly|less|plenty)(?!\w)")
"""Behind "drinking" these speak of fluids."""


def drinking(text: str) -> Iterator[Finding]:
    """The words of a folded text that mean drinking alcohol without naming it."""
    for found in _DRINKS.finditer(text):
        start, end = found.span(1)
        much = text.endswith("not ", 0, start) and _MUCH.match(text, end)
        fluids = text[start:end] == "drinking" and bool(much or _WELL.match(text, end))
        if not fluids and not _EATS.search(text[max(0, start - 14) : start]) and not _OTHER.match(text, end):
            yield Finding("social", start, end, "alcohol use", confidence=0.8)
