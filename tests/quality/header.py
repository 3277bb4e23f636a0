"""Accuracy of the section headers that conversations get, on the validation set of MTS-Dialog."""

from __future__ import annotations

from collections import Counter
from datetime import UTC, datetime
from pathlib import Path

from shared.case import Case, Headed, Origin
from shared.registry import ADAPTERS
from tests.quality import classifying
from tests.quality.report import Gate, Part, Table
from worker import classifier
from worker.header import Headers
from worker.training import header_data, judged

GOAL = 0.74
TEXT = """
Each of the {count} validation dialogues of MTS-Dialog as a conversation that was submitted: right is where its
`sections` hold one stretch, with the set's own header out of 20. The head ({name} with `worker/weights/header`) is read
as the worker reads it. 95 % interval: {interval}. Learnt from the training set alone; temperature and threshold
({threshold}) were fitted on training dialogues that were held out, so these dialogues chose nothing. The baseline,
TF-IDF of words and pairs with logistic regression, learnt from the same dialogues. Thirteen of the headers have four
dialogues or fewer here: a single row says little.
"""


def measure(data: Path) -> Part:
    """The gate of the header's accuracy, with a row for each header."""
    model, base, _ = classifying.served()
    scorer = classifier.read(base, ADAPTERS / "header", device="cpu")
    held = header_data.validation(data)
    origin = Origin("quality", "quality", datetime.now(UTC))
    marked = Headers(scorer).mark([Case(origin, text=each.text, language="en") for each in held])
    named = [each[0] if len(each) == 1 else Headed("none, or several", 0.0, 0, 0) for each in marked]
    found = [(each.confidence, each.header == wanted.label) for each, wanted in zip(named, held, strict=True)]
    right = sum(is_right for _, is_right in found)
    baseline = judged.baseline(header_data.training(data), {"validation": held})["validation"]
    threshold = scorer.about.threshold
    mistaken = Counter(
        (each.label, got.header) for each, got in zip(held, named, strict=True) if each.label != got.header
    )
    return Part(
        title="Section headers of conversations",
        text=TEXT.format(count=len(held), name=model.name, interval=classifying.span(found), threshold=threshold),
        gates=[
            Gate("section header accuracy, MTS-Dialog validation", right / len(held), GOAL, of=len(held)),
            Gate("section header accuracy over TF-IDF + LR", right / len(held) - baseline, 0.0, of=len(held)),
        ],
        tables=[
            Table(("header", "right"), list(judged.by_label(found, held).items())),
            Table(
                ("wanted", "got", "times"),
                [(wanted, got, str(times)) for (wanted, got), times in mistaken.most_common(8)],
                "What is taken for what",
            ),
            Table(
                ("confidence from", "answered", "right"), [classifying.sure(found, each) for each in (0.0, threshold)]
            ),
            classifying.calibration(found),
        ],
    )
