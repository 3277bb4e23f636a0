"""The one protocol of everything that writes text: many prompts in, one text for each out, token by token."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, Protocol

from worker.stage import Listen

if TYPE_CHECKING:  # importing it takes a second, which a model behind a server need not pay
    from transformers import PreTrainedTokenizerBase

OnRow = Callable[[int, int, str], None]
"""Called after each token with its row, how many tokens that row has, and the text that it added; the row is the place
of its prompt among those handed in. What it raises ends the writing of all rows."""

Most = int | Sequence[int]
"""Tokens that a text may have: the same for every row, or each row's own."""

Form = Literal["continues", "rewrites"]
"""continues: a causal model goes on where the prompt ends. rewrites: an encoder reads it, a decoder begins afresh."""

BATCH_TOKENS = 8192
"""Tokens of one batch, padding and what may still be written among them: 8192 of SmolLM2-135M are 380 MB of memory."""


@dataclass(frozen=True, slots=True)
class Message:
    """One turn of a chat: role is system, user or assistant."""

    role: str
    content: str


class Writer(Protocol):
    """A loaded model, or the server of one, that writes greedily: the same prompts give the same texts."""

    @property
    def form(self) -> Form:
        """What it does with a prompt."""
        ...

    def prompt(self, chat: Sequence[Message], begin: str = "") -> str:
        """The finished text that `write` takes: the chat as this model has learned to read it, and how the answer has
        to begin.

        A model that rewrites has learned no chats: its prompt is its own prefix and the chat's last turn.
        """
        ...

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
        """What the model writes for each prompt, in their order, without the prompt.

        Each text is at most `most_tokens` long and ends where the model ends it or goes round in circles; with
        `stop_at_line` also before its first line end. `static` is what every prompt begins with and does not repeat
        (instructions, examples): an engine may read it once and keep it, so hand in the same one again and again and
        let it end where a line ends. Rows are sorted by length and batched by tokens within: hand in as many as there
        are. What `on_token` or `listen` raises (JobStoppedError) leaves at once.
        """
        ...

    def lengths(self, texts: Sequence[str]) -> list[int]:
        """Tokens of each text."""
        ...


def batches(lengths: Sequence[int], most_tokens: int, budget: int = BATCH_TOKENS) -> Iterator[list[int]]:
    """The rows in batches of like length, the longest first: rows x (longest + what may be written) <= budget.

    A row that is longer than the budget is a batch of its own.
    """
    batch: list[int] = []
    for row in sorted(range(len(lengths)), key=lambda each: -lengths[each]):
        if batch and (len(batch) + 1) * (lengths[batch[0]] + most_tokens) > budget:
            yield batch
            batch = []
        batch.append(row)
    if batch:
        yield batch


def of_each(most_tokens: Most, rows: int) -> list[int]:
    """Tokens that the text of each row may have."""
    return [most_tokens] * rows if isinstance(most_tokens, int) else list(most_tokens)


def quiet(_row: int, _tokens: int, _text: str) -> None:
    """What hands itself in as `on_token` where nobody watches."""


def templated(tokenizer: PreTrainedTokenizerBase, chat: Sequence[Message], begin: str) -> str:
    """The chat by the model's own template, and how the answer has to begin; no text of a message can end its turn."""
    turns = [{"role": each.role, "content": data(each.content)} for each in chat]
    return f"{tokenizer.apply_chat_template(turns, tokenize=False, add_generation_prompt=True)}{begin}"


def data(content: str) -> str:
    """Text that cannot end its turn: the marks of a chat template lose their meaning."""
    return content.replace("<|", "< |").replace("|>", "| >")


def first_line(text: str) -> str:
    """The text before its first line end."""
    return text.partition("\n")[0]
