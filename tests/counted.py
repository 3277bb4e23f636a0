"""Counts what a model computes, and what of it began although its job had been stopped."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import wraps
from typing import Any

from torch import nn

NATIVE_CALLS = frozenset({"encode", "detect_language", "generate", "align"})


@dataclass
class Count:
    """Calls by name. `stopped` is asked at the beginning of each; without it, the job is stopped in call `stop_in`."""

    stop_in: int | None = None
    stopped: Callable[[], bool] | None = None
    begun: Counter[str] = field(default_factory=Counter)
    late: Counter[str] = field(default_factory=Counter)
    running: int = 0
    """Calls that have begun and not ended."""
    times: list[float] = field(default_factory=list)
    """When each call began, Unix time."""

    def forget(self) -> None:
        """Begin anew."""
        self.begun.clear()
        self.late.clear()
        self.times.clear()

    def is_stopped(self) -> bool:
        """Whether the job is stopped by now."""
        if self.stopped is not None:
            return self.stopped()
        return self.stop_in is not None and self.begun.total() >= self.stop_in

    def of(self, name: str, act: Callable[..., Any]) -> Callable[..., Any]:
        """The same act, counted under that name."""

        @wraps(act)
        def counted(*arguments: Any, **named: Any) -> Any:
            self.late[name] += self.is_stopped()
            self.begun[name] += 1
            self.times.append(time.time())
            self.running += 1
            try:
                return act(*arguments, **named)
            finally:
                self.running -= 1

        return counted


class CountedNative:
    """CTranslate2's model with its calls counted."""

    def __init__(self, model: Any, count: Count) -> None:
        self._model = model
        self._count = count

    def __getattr__(self, name: str) -> Any:
        value = getattr(self._model, name)
        return self._count.of(name, value) if name in NATIVE_CALLS else value


def count_layers(model: nn.Module, count: Count) -> None:
    """Count each layer of a torch model for good: a layer is a member of a list of modules."""
    for modules in [each for each in model.modules() if isinstance(each, nn.ModuleList)]:
        for layer in modules:
            layer.forward = count.of("layer", layer.forward)
