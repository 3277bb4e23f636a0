"""Several windows through CTranslate2's Whisper at once: each thinks that it has the model for itself.

faster-whisper takes a window through many small decisions: try again at another temperature, go on behind the last
word, align. Its batched pipeline leaves most of them out. Here each window keeps all of them and runs in a thread of
its own, and only the native calls meet: when every window that is under way has asked for one, those that are alike go
out as one batch. So the words are those of one window after the other, and windows of several cases mix.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from ctranslate2 import StorageView


class Native(Protocol):
    """CTranslate2's Whisper model, as far as it is called."""

    def encode(self, features: Any, **how: Any) -> Any: ...

    def generate(self, features: Any, prompts: Any, **how: Any) -> Any: ...

    def align(self, features: Any, start: Any, tokens: Any, frames: Any, **how: Any) -> Any: ...


@dataclass(frozen=True, slots=True)
class Encoded:
    """One window's row of what the encoder made of a batch."""

    batch: Any
    row: int
    of: int


@dataclass(eq=False)
class Call:
    """One window's wish for a native call."""

    name: str
    native: Native
    """The model, with the ears of the window's own job."""
    sound: Any
    """Features, or Encoded."""
    row: Any
    """What is the window's own: its prompt, or its tokens and how many frames it has."""
    how: dict[str, Any]
    """What the whole batch must have in common."""
    result: Any = None
    error: BaseException | None = None
    done: bool = False

    @property
    def kind(self) -> tuple[str, int, str]:
        """Calls of one kind can go out together; CTranslate2 wants prompts of one length."""
        return self.name, len(self.row) if self.name == "generate" else 0, repr(sorted(self.how.items()))


class Gathering:
    """Where the windows that are under way meet."""

    def __init__(self, at_once: int) -> None:
        """At most so many rows go out in one call."""
        self._at_once = at_once
        self._changed = threading.Condition()
        self._members = 0
        self._waiting: list[Call] = []

    def join(self, native: Native) -> Member:
        """One window more: from now on all wait for its calls, until it leaves."""
        with self._changed:
            self._members += 1
        return Member(self, native)

    def leave(self) -> None:
        """One window less."""
        with self._changed:
            self._members -= 1
            meeting = self._meeting()
        self._hold(meeting)

    def ask(self, call: Call) -> Any:
        """The result of this window's row, once all have asked. Raises what the native call raised."""
        with self._changed:
            self._waiting.append(call)
            meeting = self._meeting()
        self._hold(meeting)
        with self._changed:
            self._changed.wait_for(lambda: call.done)
        if call.error is not None:
            raise call.error
        return call.result

    def _meeting(self) -> list[Call]:
        """The calls that go out now: all of them, when nobody is left to wait for."""
        if not self._waiting or len(self._waiting) < self._members:
            return []
        meeting, self._waiting = self._waiting, []
        return meeting

    def _hold(self, meeting: Sequence[Call]) -> None:
        kinds: dict[tuple[str, int, str], list[Call]] = {}
        for call in meeting:
            kinds.setdefault(call.kind, []).append(call)
        for calls in kinds.values():
            for start in range(0, len(calls), self._at_once):
                self._send(calls[start : start + self._at_once])

    def _send(self, calls: Sequence[Call]) -> None:
        try:
            results = _ACTS[calls[0].name](calls)
        except BaseException as error:  # noqa: BLE001 - it is raised in the thread of each window that waits for it
            for call in calls:
                call.error = error
        else:
            for call, result in zip(calls, results, strict=True):
                call.result = result
        with self._changed:
            for call in calls:
                call.done = True
            self._changed.notify_all()


class Member:
    """The native model as one window sees it."""

    def __init__(self, gathering: Gathering, native: Native) -> None:
        self._gathering = gathering
        self._native = native

    def __getattr__(self, name: str) -> Any:
        return getattr(self._native, name)

    def leave(self) -> None:
        """The window was heard: nobody waits for it any more."""
        self._gathering.leave()

    def encode(self, features: Any, **how: Any) -> Any:
        """The encoder's work for one window."""
        return self._gathering.ask(Call("encode", self._native, features, None, how))

    def generate(self, encoded: Encoded, prompts: Sequence[Sequence[int]], **how: Any) -> Any:
        """The tokens of one window."""
        return self._gathering.ask(Call("generate", self._native, encoded, list(prompts[0]), how))

    def align(
        self, encoded: Encoded, start: Sequence[int], tokens: Sequence[Sequence[int]], frames: int, **how: Any
    ) -> Any:
        """When the tokens of one window were said."""
        row = (list(tokens[0]), frames)
        return self._gathering.ask(Call("align", self._native, encoded, row, {**how, "start": list(start)}))

    def detect_language(self, encoded: Encoded) -> Any:
        """The languages of one window."""
        return self._native.detect_language(_rows([encoded]))  # type: ignore[attr-defined]  # only asked with none known


def _encode(calls: Sequence[Call]) -> list[Any]:
    features = StorageView.from_array(np.concatenate([np.asarray(call.sound) for call in calls]))
    batch = calls[0].native.encode(features, **calls[0].how)
    return [Encoded(batch, row, len(calls)) for row in range(len(calls))]


def _generate(calls: Sequence[Call]) -> list[Any]:
    sound = _rows([call.sound for call in calls])
    return [[found] for found in calls[0].native.generate(sound, [call.row for call in calls], **calls[0].how)]


def _align(calls: Sequence[Call]) -> list[Any]:
    sound = _rows([call.sound for call in calls])
    how = dict(calls[0].how)
    tokens, frames = [call.row[0] for call in calls], [call.row[1] for call in calls]
    return [[found] for found in calls[0].native.align(sound, how.pop("start"), tokens, frames, **how)]


def _rows(encoded: Sequence[Encoded]) -> Any:
    """These rows as one batch: the very batch that the encoder made where all of it is wanted."""
    first = encoded[0].batch
    if [each.row for each in encoded] == list(range(encoded[0].of)) and all(each.batch is first for each in encoded):
        return first
    if first.device == "cuda":
        import torch  # noqa: PLC0415 - only where there is a GPU, which torch brings

        device = f"cuda:{first.device_index}"
        return StorageView.from_array(
            torch.stack([torch.as_tensor(each.batch, device=device)[each.row] for each in encoded]).contiguous()
        )
    return StorageView.from_array(np.stack([np.asarray(each.batch)[each.row] for each in encoded]))


_ACTS: dict[str, Callable[[Sequence[Call]], list[Any]]] = {
    "encode": _encode,
    "generate": _generate,
    "align": _align,
}
