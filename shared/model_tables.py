"""The tables of the model registry: versions, every act on them, and how shadows and canaries did."""

from __future__ import annotations

import sqlalchemy as sa

from shared.schema import Seconds, metadata

LIVE: sa.ColumnElement[str] = sa.literal_column("'live'")
CANARY: sa.ColumnElement[str] = sa.literal_column("'canary'")
SHADOW: sa.ColumnElement[str] = sa.literal_column("'shadow'")

model_version = sa.Table(
    "model_version",
    metadata,
    sa.Column("id", sa.String(36), primary_key=True),
    sa.Column("stage", sa.String(24), nullable=False),
    sa.Column("name", sa.String(80), nullable=False),
    sa.Column("version", sa.String(40), nullable=False),
    sa.Column("engine", sa.String(40), nullable=False),
    sa.Column("folder", sa.String(200), comment="below the models folder: each machine has its own; NULL: no weights"),
    sa.Column("sha256", sa.String(64), comment="over all files of weights and adapter; NULL: no weights"),
    sa.Column("adapter", sa.Boolean, nullable=False, server_default=sa.false(), comment="whether one goes on top"),
    sa.Column("size_bytes", sa.BigInteger, nullable=False, server_default="0"),
    sa.Column("source", sa.String(400), nullable=False, server_default="", comment="the hub id or folder it came from"),
    sa.Column("licence", sa.String(200), nullable=False, server_default=""),
    sa.Column("card", sa.Text, nullable=False, server_default="", comment="the model card, Markdown"),
    sa.Column("options", sa.Text, nullable=False, server_default="{}", comment="of the engine, JSON"),
    sa.Column("metrics", sa.Text, nullable=False, server_default="{}", comment="number by name, JSON"),
    sa.Column("state", sa.String(12), nullable=False, comment="registered, shadow, canary, live or retired"),
    sa.Column("share", sa.Double, nullable=False, server_default="0", comment="of the jobs, 0 to 1, while a canary"),
    sa.Column("replaced", sa.String(36), comment="the version that was live before it; NULL: the manifest's"),
    sa.Column("registered_at", Seconds, nullable=False),
    sa.Column("promoted_at", Seconds, comment="when it last became live"),
    sa.Column("retired_at", Seconds),
    sa.Column("registered_by", sa.String(120), nullable=False, comment="user:..., key:... or operator:..."),
    sa.UniqueConstraint("stage", "name", "version"),
)


def _one(state: sa.ColumnElement[bool], name: str) -> None:
    """At most one version of a stage may be in this state, whoever writes it."""
    sa.Index(name, model_version.c.stage, unique=True, sqlite_where=state, postgresql_where=state)


_one(model_version.c.state == LIVE, "uq_model_version_live")
_one(model_version.c.state == CANARY, "uq_model_version_canary")
_one(model_version.c.state == SHADOW, "uq_model_version_shadow")

model_change = sa.Table(
    "model_change",
    metadata,
    sa.Column(
        "seq", sa.Integer, primary_key=True, autoincrement=False, comment="the newest is the registry's revision"
    ),
    sa.Column("at", Seconds, nullable=False),
    sa.Column("stage", sa.String(24), nullable=False),
    sa.Column("version_id", sa.String(36), comment="NULL: the manifest's own model"),
    sa.Column("actor", sa.String(120), nullable=False),
    sa.Column("from_state", sa.String(12), nullable=False, comment="'' when it was not there before"),
    sa.Column("to_state", sa.String(12), nullable=False),
    sa.Column("share", sa.Double, nullable=False, server_default="0"),
    sa.Column("reason", sa.String(400), nullable=False, server_default=""),
    sa.Index("ix_model_change_version_id", "version_id"),
)

model_comparison = sa.Table(
    "model_comparison",
    metadata,
    sa.Column("id", sa.String(36), primary_key=True),
    sa.Column("at", Seconds, nullable=False),
    sa.Column("tenant", sa.String(64), nullable=False),
    sa.Column("job_id", sa.String(36), nullable=False, index=True),
    sa.Column("stage", sa.String(24), nullable=False),
    sa.Column("version_id", sa.String(36), nullable=False, comment="the shadow, or a canary that failed"),
    sa.Column("served_id", sa.String(36), comment="who served; NULL: the manifest's"),
    sa.Column("agreement", sa.Double, comment="0 to 1; NULL: it failed"),
    sa.Column("seconds", sa.Double, nullable=False, comment="of that version"),
    sa.Column("served_seconds", sa.Double, nullable=False),
    sa.Column("error", sa.String(80), comment="the type of what it raised"),
    sa.Index("ix_model_comparison_version_id_at", "version_id", "at"),
)
