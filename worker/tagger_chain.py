"""A linear-chain CRF over B-I-O labels: the only label sequences it knows are those that spell entities."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn

NEVER = -1e4
"""Log weight of what B-I-O forbids."""


@dataclass(frozen=True, slots=True)
class Entity:
    """Words `first` to `last`, both within, are one entity; `score` is the model's probability of exactly that."""

    kind: str
    first: int
    last: int
    score: float


class Chain(nn.Module):
    """Log weights of label after label, and sums over all sequences (Lafferty et al. 2001)."""

    def __init__(self, labels: Sequence[str]) -> None:
        """`labels` are O first, then B- and I- of each kind."""
        super().__init__()
        self.labels = tuple(labels)
        self.follows = nn.Parameter(torch.zeros(len(labels), len(labels)))
        allowed = torch.tensor([[_may_follow(before, after) for after in labels] for before in labels])
        self.register_buffer("forbidden", torch.where(allowed, 0.0, NEVER), persistent=False)
        first = torch.tensor([not label.startswith("I-") for label in labels])
        self.register_buffer("forbidden_first", torch.where(first, 0.0, NEVER), persistent=False)

    @property
    def steps(self) -> Tensor:
        """Log weight of each label after each."""
        return self.follows + torch.Tensor(self.forbidden)

    def forward(self, emissions: Tensor, inside: Tensor) -> Tensor:
        """Log of the summed weight of all sequences; emissions (rows, words, labels), inside (rows, words) bool."""
        return self.ahead(emissions, inside)[:, -1].logsumexp(-1)

    def loss(self, emissions: Tensor, inside: Tensor, allowed: Tensor) -> Tensor:
        """Minus log of the probability of the sequences that `allowed` leaves, a row each.

        `allowed` (rows, words, labels) is true for one label of each word, or for several where the annotation does
        not say which (partial annotation, Tsuboi et al. 2008).
        """
        return self.forward(emissions, inside) - self.forward(emissions.masked_fill(~allowed, NEVER), inside)

    def ahead(self, emissions: Tensor, inside: Tensor) -> Tensor:
        """Log of the summed weight of all beginnings that end in each label; past a row's end it stands still."""
        steps = self.steps
        state = emissions[:, 0] + torch.Tensor(self.forbidden_first)
        states = [state]
        for at in range(1, emissions.shape[1]):
            moved = (state.unsqueeze(2) + steps).logsumexp(1) + emissions[:, at]
            state = torch.where(inside[:, at, None], moved, state)
            states.append(state)
        return torch.stack(states, 1)

    def behind(self, emissions: Tensor, inside: Tensor) -> Tensor:
        """Log of the summed weight of all ends that follow on each label."""
        steps = self.steps
        state = torch.zeros_like(emissions[:, 0])
        states = [state]
        for at in range(emissions.shape[1] - 1, 0, -1):
            moved = (steps + (emissions[:, at] + state).unsqueeze(1)).logsumexp(2)
            state = torch.where(inside[:, at, None], moved, state)
            states.append(state)
        return torch.stack(states[::-1], 1)

    def best(self, emissions: Tensor, inside: Tensor) -> list[list[int]]:
        """The weightiest label sequence of each row (Viterbi)."""
        steps = self.steps
        state = emissions[:, 0] + torch.Tensor(self.forbidden_first)
        stays = torch.arange(len(self.labels)).expand_as(state)
        origins = []
        for at in range(1, emissions.shape[1]):
            weight, origin = (state.unsqueeze(2) + steps).max(1)
            state = torch.where(inside[:, at, None], weight + emissions[:, at], state)
            origins.append(torch.where(inside[:, at, None], origin, stays))
        return _traced(state.argmax(-1).tolist(), [each.tolist() for each in origins], inside.sum(1).tolist())

    def entities(self, emissions: Tensor, inside: Tensor) -> list[list[Entity]]:
        """The entities of each row's best sequence, each with its probability over all sequences."""
        ahead, behind = self.ahead(emissions, inside), self.behind(emissions, inside)
        total = ahead[:, -1].logsumexp(-1)
        found = []
        for row, path in enumerate(self.best(emissions, inside)):
            spans = spans_of([self.labels[each] for each in path])
            weigh = _Row(self, emissions[row], ahead[row], behind[row], float(total[row]), len(path))
            found.append([Entity(kind, first, last, weigh(kind, first, last)) for kind, first, last in spans])
        return found


@dataclass(frozen=True, slots=True)
class _Row:
    """One row's sums, to weigh its entities by."""

    chain: Chain
    emissions: Tensor
    ahead: Tensor
    behind: Tensor
    total: float
    length: int

    def __call__(self, kind: str, first: int, last: int) -> float:
        """The share of all sequences' weight in which exactly these words are one entity."""
        begin, more = (self.chain.labels.index(f"{mark}-{kind}") for mark in "BI")
        steps = self.chain.steps
        weight = self.ahead[first, begin]
        before = begin
        for at in range(first + 1, last + 1):
            weight = weight + steps[before, more] + self.emissions[at, more]
            before = more
        if last + 1 < self.length:
            after = steps[before] + self.emissions[last + 1] + self.behind[last + 1]
            after[more] = NEVER
            weight = weight + after.logsumexp(-1)
        return min(1.0, float(torch.exp(weight - self.total)))


def spans_of(labels: Sequence[str]) -> list[tuple[str, int, int]]:
    """Kind, first and last word of each entity; an I- that continues nothing begins one, as conlleval reads it."""
    spans: list[tuple[str, int, int]] = []
    before = "O"
    for at, label in enumerate(labels):
        if label != "O":
            if label.startswith("I-") and before[2:] == label[2:]:
                spans[-1] = (spans[-1][0], spans[-1][1], at)
            else:
                spans.append((label[2:], at, at))
        before = label
    return spans


def _may_follow(before: str, after: str) -> bool:
    return not after.startswith("I-") or before[2:] == after[2:]


def _traced(last: Sequence[int], origins: Sequence[Sequence[Sequence[int]]], lengths: Sequence[int]) -> list[list[int]]:
    paths = []
    for row, label in enumerate(last):
        path = [label]
        for origin in reversed(origins):
            path.append(origin[row][path[-1]])
        paths.append(path[::-1][: lengths[row]])
    return paths
