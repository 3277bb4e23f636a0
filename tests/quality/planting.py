"""Identifiers generated for the measure of de-identification, in the forms in which notes write them."""

from __future__ import annotations

import random
import string
from collections.abc import Callable
from datetime import date, timedelta
from functools import cache

from faker import Faker

LISTED = {"en": ("en_US",), "es": ("es_ES",)}
STRANGE = ("en_GB", "de_DE", "fr_FR", "it_IT", "pl_PL", "pt_BR", "nl_NL", "es_MX")
"""Locales whose names are not what our lists were compiled from."""
Value = Callable[[random.Random, str], str]


def name(made: random.Random, language: str) -> str:
    """A person: given and family name, one of them alone, or "family, given"."""
    faker = _faker(made.choice(LISTED[language] if made.random() < 0.5 else STRANGE), made)
    given, family = faker.first_name(), faker.last_name()
    form = made.choice(("{0} {1}", "{0} {1}", "{0} {2}. {1}", "{1}"))
    return form.format(given, family, made.choice("ABCDEFGHJKLM"))


def day(made: random.Random, language: str) -> str:
    """A date between 1930 and 2025."""
    when = date(1930, 1, 1) + timedelta(days=made.randrange(95 * 365))
    if language == "es":
        month = [
            "enero",
            "febrero",
            "marzo",
            "abril",
            "mayo",
            "junio",
            "julio",
            "agosto",
            "septiembre",
            "octubre",
            "noviembre",
            "diciembre",
        ]
        forms = (f"{when:%d/%m/%Y}", f"{when:%d-%m-%Y}", f"{when.day} de {month[when.month - 1]} de {when.year}")
        return made.choice(forms)
    forms = (
        f"{when:%m/%d/%Y}",
        f"{when:%m/%d/%y}",
        f"{when:%B} {when.day}, {when.year}",
        f"{when:%Y-%m-%d}",
        f"{when:%b} {when.day}, {when.year}",
    )
    return made.choice(forms)


def place(made: random.Random, language: str) -> str:
    """A street with its number, mostly with town and postal code."""
    faker = _faker("es_ES" if language == "es" else "en_US", made)
    if language == "es":
        street = f"{made.choice(('Calle', 'Avenida', 'Plaza', 'Paseo'))} {faker.last_name()}, {made.randint(1, 180)}"
        return made.choice((street, f"{street}, {made.randint(1, 52):02d}{made.randint(0, 999):03d} {faker.city()}"))
    return made.choice(
        (faker.street_address(), f"{faker.street_address()}, {faker.city()}, {faker.state_abbr()} {faker.zipcode()}")
    )


def phone(made: random.Random, language: str) -> str:
    """A telephone number of the country."""
    if language == "es":
        digits = f"{made.choice('6789')}{made.randrange(10**8):08d}"
        return made.choice(
            (
                f"{digits[:3]} {digits[3:6]} {digits[6:]}",
                f"{digits[:3]} {digits[3:5]} {digits[5:7]} {digits[7:]}",
                f"+34 {digits[:3]} {digits[3:6]} {digits[6:]}",
                digits,
            )
        )
    area, middle, last = made.randint(201, 989), made.randint(200, 999), made.randint(0, 9999)
    return made.choice(
        (
            f"({area}) {middle}-{last:04d}",
            f"{area}-{middle}-{last:04d}",
            f"{area}.{middle}.{last:04d}",
            f"+1 {area} {middle} {last:04d}",
        )
    )


def code(made: random.Random, language: str) -> str:
    """Letters and digits as records are numbered."""
    digits = "".join(made.choices(string.digits, k=made.randint(5, 9)))
    head = "".join(made.choices(string.ascii_uppercase, k=made.randint(1, 3)))
    return made.choice((digits, head + digits, f"{head}-{digits}", f"{digits[:3]}-{digits[3:]}"))


def national(made: random.Random, language: str) -> str:
    """A social security number, or a Spanish identity number."""
    if language == "es":
        number = made.randrange(10**8)
        return f"{number:08d}{'TRWAGMYFPDXBNJZSQVHLCKE'[number % 23]}"
    return f"{made.randint(1, 899):03d}-{made.randint(1, 99):02d}-{made.randint(1, 9999):04d}"


def email(made: random.Random, language: str) -> str:
    """An address of a mailbox."""
    return _faker("en_US", made).email()


def url(made: random.Random, language: str) -> str:
    """An address of a page."""
    return _faker("en_US", made).url() + "p/" + code(made, language)


def ip(made: random.Random, language: str) -> str:
    """An internet address."""
    faker = _faker("en_US", made)
    return faker.ipv4() if made.random() < 0.7 else faker.ipv6()


def age(made: random.Random, language: str) -> str:
    """An age above 89."""
    return str(made.randint(90, 109))


VALUES: dict[str, Value] = {
    "name": name, "date": day, "location": place, "phone": phone, "fax": phone, "email": email, "ssn": national,
    "mrn": code, "health_plan": code, "account": code, "license": code, "vehicle": code, "device": code,
    "url": url, "ip": ip, "age": age,
}  # fmt: skip


@cache
def _faker_of(locale: str) -> Faker:
    return Faker(locale)


def _faker(locale: str, made: random.Random) -> Faker:
    faker = _faker_of(locale)
    faker.seed_instance(made.randrange(1 << 30))
    return faker
