"""A writer for tests: it says what it is told to and remembers what it was asked."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from worker.generate.writer import Form, Message, Most, OnRow, of_each
from worker.stage import Listen


@dataclass
class Says:
    """A model that says what it is told to, token by token, and remembers what it was asked."""

    answers: Sequence[str]
    read: list[str] = field(default_factory=list)
    calls: int = 0
    most: list[int] = field(default_factory=list)
    """Tokens that the rows of the last call might have had."""
    form: Form = "continues"

    def prompt(self, chat: Sequence[Message], begin: str = "") -> str:
        return chat[-1].content + begin

    def lengths(self, texts: Sequence[str]) -> list[int]:
        return [len(text.split()) for text in texts]

    def write(
        self,
        prompts: Sequence[str],
        *,
        most_tokens: Most,
        on_token: OnRow,
        listen: Listen,
        stop_at_line: bool = False,
        static: str = "",
    ) -> list[str]:
        self.calls += 1
        self.most = of_each(most_tokens, len(prompts))
        said = []
        for row, prompt in enumerate(prompts):
            said.append(self.answers[min(len(self.read), len(self.answers) - 1)])
            self.read.append(prompt)
            for count, word in enumerate(said[-1].split(" "), start=1):
                listen()
                on_token(row, count, f" {word}")
        return said
