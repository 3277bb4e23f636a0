"""Accuracy, abstention and calibration of the clinical category on 60 texts that were labelled by hand."""

from __future__ import annotations

from pathlib import Path

from tests.quality import classifying
from tests.quality.report import Gate, Part, Table
from worker import classifier
from worker.training import category, category_data, judged

SAMPLE = Path(__file__).with_name("category_sample.jsonl")
TEXT = """
{count} notes of the validation sets of MTS-Dialog and ACI-Bench (`tests/quality/category_sample.jsonl`: 40 sections and
20 whole visits), labelled by one reader before any model's answer to them was looked at. The rule: the category of the
problem that the note is about; where it tells of several, the one that stands in front or that most of it is about; the
organ rather than the cause, but for infections of no organ; habits and addiction are mental health; what tells of no
problem of the patient's (relatives, a normal result, a form) is `other`. Sections for which that rule left two
categories were passed over, and those that a training note retells. The adapter ({name} with `worker/weights/category`)
is read as the worker reads it. 95 % interval of its accuracy: {interval}. The temperature ({temperature}) and the
threshold ({threshold}) were chosen on held-out training notes, for nine right answers in ten that are given; below the
threshold the result says `needs_review`: those are the abstentions. The baseline learnt from the same examples.
"""


def measure(data: Path) -> Part:
    """The gates of the category beside TF-IDF with logistic regression, with a row for each category."""
    model, base, adapter = classifying.served()
    scorer = classifier.read(base, adapter, device="cpu")
    about = scorer.about
    sample = category_data.labelled_notes(data, SAMPLE, dialogues=False)
    found = judged.judged(scorer, sample)
    right = sum(is_right for _, is_right in found) / len(sample)
    corpus = category.gather(data, category.Plan(), sample)
    baseline = judged.baseline(corpus.learn, {"sample": sample})["sample"]
    return Part(
        title="Clinical category",
        text=TEXT.format(
            count=len(sample),
            name=model.name,
            interval=classifying.span(found),
            temperature=about.temperature,
            threshold=about.threshold,
        ),
        gates=[Gate(f"category accuracy by hand (TF-IDF + LR: {baseline})", right, baseline, of=len(sample))],
        tables=[
            Table(("category", "right"), list(judged.by_label(found, sample).items())),
            Table(
                ("confidence from", "answered", "right"),
                [classifying.sure(found, each) for each in (0.0, 0.5, 0.6, 0.7, about.threshold, 0.9)],
            ),
            classifying.calibration(found),
        ],
    )
