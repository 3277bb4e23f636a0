"""The tables of what models have answered: predictions, counters by version, and what people say of them."""

from __future__ import annotations

import sqlalchemy as sa

from shared.schema import Seconds, metadata

prediction = sa.Table(
    "prediction",
    metadata,
    sa.Column("job_id", sa.String(36), primary_key=True),
    sa.Column("tenant", sa.String(64), nullable=False),
    sa.Column("at", Seconds, nullable=False, comment="when the job ended"),
    sa.Column("models", sa.String(2000), nullable=False, comment="name@version by stage, JSON"),
    sa.Column("seconds", sa.Double, nullable=False, comment="of all stages"),
    sa.Column("cached", sa.Boolean, nullable=False, comment="taken from an earlier job with the same content"),
    sa.Column("confidence", sa.Double, comment="of the category; NULL where none was judged"),
    sa.Column("needs_review", sa.Boolean),
    sa.Column("category", sa.LargeBinary, comment="sealed with the job's key"),
    sa.Index("ix_prediction_tenant_at", "tenant", "at", "job_id"),
)

tally = sa.Table(
    "tally",
    metadata,
    sa.Column("tenant", sa.String(64), primary_key=True),
    sa.Column("hour", sa.Integer, primary_key=True, comment="hours since the epoch"),
    sa.Column("stage", sa.String(24), primary_key=True),
    sa.Column("model", sa.String(120), primary_key=True),
    sa.Column("version", sa.String(80), primary_key=True),
    sa.Column("pace", sa.Integer, primary_key=True, comment="class of seconds, each 1.25 times the one before"),
    *(
        sa.Column(name, sa.Integer, nullable=False, server_default="0", comment=what)
        for name, what in (
            ("jobs", "that this version served"),
            ("cached", "of which its answer was taken from an earlier job"),
            ("failed", "of which ended here without a result"),
            ("degraded", "of which ran on what took over from the planned engine"),
            ("judged", "of which have a confidence"),
            ("unsure", "of which ask for a review"),
            ("agreed", "statements of people that it was right"),
            ("disagreed", "statements of people that it was wrong"),
        )
    ),
    sa.Column("seconds", sa.Double, nullable=False, server_default="0", comment="sum over the jobs"),
    sa.Column("confidence", sa.Double, nullable=False, server_default="0", comment="sum over those that are judged"),
)

feedback = sa.Table(
    "feedback",
    metadata,
    sa.Column("id", sa.String(36), primary_key=True),
    sa.Column("tenant", sa.String(64), nullable=False),
    sa.Column("job_id", sa.String(36), nullable=False, index=True),
    sa.Column("author", sa.String(120), nullable=False, comment="user:... or key:..."),
    sa.Column("target", sa.String(16), nullable=False, comment="what of the result is meant"),
    sa.Column("created_at", Seconds, nullable=False),
    sa.Column("content", sa.LargeBinary, nullable=False, comment="sealed with the job's key"),
)
