"""A batch as it was sent: its items one by one, from JSON or NDJSON, each of them read or refused by itself."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from json import JSONDecoder
from typing import Annotated, Any

from pydantic import Discriminator, Field, HttpUrl, Tag, TypeAdapter, ValidationError

from api.errors import ProblemError, field_problems, in_body, invalid
from api.submitting import TextSubmission
from shared.audio_url import LONGEST
from shared.batches import Flaw, Rejected
from shared.job import Frozen, JobOptions, Priority
from shared.settings import Settings

NDJSON = ("application/x-ndjson", "application/jsonl")
ITEMS = "items"
LARGEST_ENVELOPE = 64 << 10  # bytes of a batch without its items
UNREADABLE = "the body is not valid JSON, or no object with a list of items, or an item is larger than the limit"
LINE = re.compile(rb"\S[^\n]*")
SPACE = re.compile(r"[ \t\n\r]*")
DETAIL = "The item does not hold what it should: see errors."


class AudioReference(JobOptions):
    """A recording that lies where the service may read it."""

    audio_url: str = Field(
        min_length=1,
        max_length=LONGEST,
        description="s3://bucket/key or file:///folder/file, below one of the sources that the operator allows",
        examples=["s3://recordings/inbox/0001.flac"],
    )


class Envelope(Frozen):
    """What a batch says beside its items."""

    priority: Priority = Priority.BULK
    callback_url: HttpUrl | None = None


Item = TextSubmission | AudioReference
_item: TypeAdapter[Item] = TypeAdapter(
    Annotated[
        Annotated[TextSubmission, Tag("text")] | Annotated[AudioReference, Tag("audio")],
        Discriminator(lambda sent: "audio" if isinstance(sent, dict) and "audio_url" in sent else "text"),
    ]
)


@dataclass(frozen=True, slots=True)
class Sent:
    """A batch that was read; an item's place is its index."""

    envelope: Envelope
    items: tuple[Item | Rejected, ...]


def read_json(body: bytes, settings: Settings) -> Sent:
    """Read `{items: [...], ...}`. Raises ProblemError 422 for what is no such object or has too many items.

    Each item is cut out before it is parsed: one call into a parser is short, and other threads run between two.
    """
    begin, end, spans = _split(body, settings)
    rest = body[:begin] + b"[]" + body[end:]
    if len(rest) > LARGEST_ENVELOPE:
        raise invalid("", f"a batch holds at most {LARGEST_ENVELOPE} bytes beside its items")
    try:
        envelope = _Envelope.model_validate_json(rest)
    except ValidationError as error:
        raise in_body(error) from None
    items = (body[start:stop] for start, stop in spans)
    return Sent(envelope, tuple(_read(index, raw, envelope, settings) for index, raw in enumerate(items)))


def read_lines(body: bytes, envelope: Envelope, settings: Settings) -> Sent:
    """Read one item a line; an empty line is none. Raises ProblemError 422 for too many of them."""
    items: list[Item | Rejected] = []
    for match in LINE.finditer(body):
        if len(items) >= settings.max_batch_items:
            raise _too_many(settings)
        items.append(_read(len(items), match[0], envelope, settings))
    return Sent(envelope, tuple(items))


def rejected(index: int, problem: ProblemError) -> Rejected:
    """An item that meets this problem."""
    flaws = tuple(Flaw(pointer=each.pointer, detail=each.detail) for each in problem.errors)
    return Rejected(index=index, code=problem.code, detail=problem.detail, errors=flaws)


class _Envelope(Envelope):
    items: tuple[()]


def _read(index: int, raw: bytes, envelope: Envelope, settings: Settings) -> Item | Rejected:
    most = settings.max_json_bytes
    if len(raw) > most:
        return Rejected(index=index, code="too_large", detail=f"The item is larger than the {most} bytes allowed here.")
    try:
        item = _item.validate_json(raw)
    except ValidationError as error:
        return Rejected(index=index, code="invalid", detail=DETAIL, errors=_flaws(raw, error))
    if "priority" not in item.model_fields_set:
        return item.model_copy(update={"priority": envelope.priority})
    urgency = list(Priority)
    if urgency.index(item.priority) < urgency.index(envelope.priority):
        detail = (
            f"no item is more urgent than its batch, which is {envelope.priority.value}: send priority with the batch"
        )
        return rejected(index, invalid("/priority", detail))
    return item


def _flaws(raw: bytes, error: ValidationError) -> tuple[Flaw, ...]:
    if not raw.lstrip().startswith(b"{"):
        return (Flaw(pointer="", detail="the item is not a JSON object"),)
    found: list[dict[str, Any]] = [
        {**each, "loc": ("item", *each["loc"][1:])} for each in error.errors(include_url=False)
    ]
    told = field_problems(found)
    return tuple(Flaw(pointer=each.pointer, detail=each.detail.replace("the body", "the item")) for each in told)


def _too_many(settings: Settings) -> ProblemError:
    return invalid(f"/{ITEMS}", f"a batch has at most {settings.max_batch_items} items")


def _split(body: bytes, settings: Settings) -> tuple[int, int, list[tuple[int, int]]]:
    """Where the list of items begins and ends in the body, and where each item does."""
    cursor = _Cursor(body, settings.max_json_bytes)
    try:
        return _through(cursor, settings)
    except (ValueError, RecursionError):  # its message holds what was sent
        raise invalid("", UNREADABLE) from None


def _through(cursor: _Cursor, settings: Settings) -> tuple[int, int, list[tuple[int, int]]]:
    begin = end = -1
    spans: list[tuple[int, int]] = []
    for _ in cursor.members("{", "}"):
        name = cursor.value()
        cursor.take(":")
        if name != ITEMS or begin >= 0:
            cursor.value()
            continue
        begin = cursor.place()
        for _ in cursor.members("[", "]"):
            if len(spans) >= settings.max_batch_items:
                raise _too_many(settings)
            start = cursor.place()
            cursor.value()
            spans.append((start, cursor.at))
        end = cursor.at
    if begin < 0 or cursor.place() < cursor.size:
        raise ValueError(UNREADABLE)
    return begin, end, spans


class _Cursor:
    """Walks over JSON value by value; it looks through a window, so that no value can cost more than one."""

    def __init__(self, body: bytes, widest: int) -> None:
        self._body = body
        self._widest = widest
        self._decoder = JSONDecoder()
        self.size = len(body)
        self.at = 0
        self._open(0)

    def place(self) -> int:
        """Where the next thing begins that is no space."""
        while True:
            self.at = self._base + SPACE.match(self._window, self.at - self._base).end()  # type: ignore[union-attr]  # it matches nothing too
            if self.at < self._base + len(self._window) or self.at == self.size:
                return self.at
            self._open(self.at)

    def peek(self) -> str:
        """The next character that is no space; none at the end."""
        place = self.place() - self._base
        return self._window[place : place + 1]

    def take(self, character: str) -> None:
        """Go past this character. Raises ValueError when another one stands there."""
        if self.peek() != character:
            raise ValueError(UNREADABLE)
        self.at += 1

    def members(self, opening: str, closing: str) -> Iterator[None]:
        """Go through a list or an object: the caller reads each member."""
        self.take(opening)
        if self.peek() != closing:
            yield
            while self.peek() == ",":
                self.take(",")
                yield
        self.take(closing)

    def value(self) -> object:
        """Read one value. Raises ValueError when there is none, or one that is wider than the window."""
        begin = self.place()
        if begin > self._base and self._base + len(self._window) < self.size:
            try:
                value, end = self._decoder.raw_decode(self._window, begin - self._base)
            except ValueError:
                end = len(self._window)  # cut off, or no JSON: the next window tells
            if end < len(self._window):
                self.at = self._base + end
                return value
            self._open(begin)
        value, end = self._decoder.raw_decode(self._window, begin - self._base)
        self.at = self._base + end
        return value

    def _open(self, base: int) -> None:
        # Latin-1 makes one character of each byte: places in the window are places in the body.
        self._base = base
        self._window = self._body[base : base + self._widest].decode("latin-1")
