"""The tables of the ledger; times are seconds since the epoch by the database's clock."""

from __future__ import annotations

import sqlalchemy as sa

from shared.model_tables import model_change as model_change
from shared.model_tables import model_comparison as model_comparison
from shared.model_tables import model_version as model_version
from shared.schema import Seconds
from shared.schema import metadata as metadata
from shared.tables_of_figures import feedback as feedback
from shared.tables_of_figures import prediction as prediction
from shared.tables_of_figures import tally as tally

WAITS: sa.ColumnElement[str] = sa.literal_column("'queued'")
"""In the text of the statement, because SQLite uses a partial index only for a value that it can read there."""
RUNS: sa.ColumnElement[str] = sa.literal_column("'running'")
ARMED: sa.ColumnElement[str] = sa.literal_column("'armed'")
DUE: sa.ColumnElement[str] = sa.literal_column("'due'")

job = sa.Table(
    "job",
    metadata,
    sa.Column("id", sa.String(36), primary_key=True),
    sa.Column("tenant", sa.String(64), nullable=False),
    sa.Column("status", sa.String(24), nullable=False),
    sa.Column("priority", sa.String(16), nullable=False),
    sa.Column("source", sa.String(8), nullable=False, comment="text or audio"),
    sa.Column("size", sa.Double, nullable=False, comment="characters of text or seconds of recording, for the ETA"),
    sa.Column("stages", sa.String(120), nullable=False, comment="all stages asked for, comma between"),
    sa.Column("remaining", sa.String(120), nullable=False, comment="stages not yet done, comma between"),
    sa.Column("progress", sa.Double, nullable=False, server_default="0"),
    sa.Column("attempt", sa.Integer, nullable=False, server_default="0"),
    sa.Column("max_attempts", sa.Integer, nullable=False),
    sa.Column(
        "stage_attempt", sa.Integer, nullable=False, server_default="0", comment="attempts at the next stage so far"
    ),
    sa.Column("token", sa.String(36), comment="fencing token of the attempt that owns the row"),
    sa.Column("lease", Seconds, comment="until when the owner is believed to live"),
    sa.Column("not_before", Seconds, nullable=False),
    sa.Column("created_at", Seconds, nullable=False),
    sa.Column("sent_at", Seconds, nullable=False, server_default="0", comment="when its id last went to Redis"),
    sa.Column("claimed_at", Seconds),
    sa.Column("finished_at", Seconds),
    sa.Column("purged_at", Seconds, comment="when its key was destroyed"),
    sa.Column("worker", sa.String(80)),
    sa.Column("reason_code", sa.String(40)),
    sa.Column("reason_detail", sa.String(400)),
    sa.Column("timings", sa.String(400), nullable=False, server_default="{}", comment="seconds a stage, JSON"),
    sa.Column("idempotency_key", sa.String(200)),
    sa.Column("body_hash", sa.String(64), nullable=False, comment="keyed hash of all that was sent"),
    sa.Column("content_hash", sa.String(64), comment="keyed hash of what the stages read; NULL: never shared"),
    sa.Column("config_hash", sa.String(64), comment="stages and weights that made the result; NULL: not to be reused"),
    sa.Column("follows", sa.String(36), comment="the open job with the same content whose end this one awaits"),
    sa.Column("crisis_at", Seconds, comment="when a sign of acute danger to life was told of, which is done once"),
    sa.Column("batch_id", sa.String(36)),
    sa.Column("batch_index", sa.Integer, comment="place in the batch as it was sent, from 0"),
    sa.Column("notify", sa.Boolean, nullable=False, server_default=sa.false(), comment="deliveries await its end"),
    sa.Column("blob", sa.String(200), comment="key of the recording in the blob store"),
    sa.Column("key_id", sa.String(40), nullable=False),
    sa.Column("wrapped_key", sa.LargeBinary, comment="NULL once the job is purged"),
    sa.Column("payload", sa.LargeBinary, comment="JobRequest, sealed"),
    sa.Column("case_file", sa.LargeBinary, comment="Case after the last finished stage, sealed"),
    sa.Column("partial", sa.LargeBinary, comment="text that has come so far in the running stage, sealed"),
    sa.Column("result", sa.LargeBinary, comment="what clients read, sealed"),
    sa.Column("bundle", sa.LargeBinary, comment="FHIR Bundle, sealed"),
    sa.UniqueConstraint("tenant", "idempotency_key"),
    sa.Index("ix_job_tenant_created_at", "tenant", "created_at"),
)


def _partial(name: str, *columns: str, where: sa.ColumnElement[bool]) -> None:
    """An index over a few of the rows: what it leaves out costs nothing to write."""
    sa.Index(name, *(job.c[column] for column in columns), sqlite_where=where, postgresql_where=where)


_LINE = ("priority", "tenant", "created_at", "not_before", "follows", "source", "size", "progress")
_partial("ix_job_waiting", *_LINE, where=job.c.status == WAITS)
_partial("ix_job_running", "tenant", "lease", where=job.c.status == RUNS)
_partial("ix_job_ended", "status", where=job.c.finished_at.is_not(None))
_partial("ix_job_content", "tenant", "content_hash", "config_hash", where=job.c.config_hash.is_not(None))
_partial(
    "ix_job_flight",
    "tenant",
    "content_hash",
    where=job.c.content_hash.is_not(None)
    & job.c.follows.is_(None)
    & ((job.c.status == WAITS) | (job.c.status == RUNS)),
)
_partial("ix_job_follows", "follows", where=job.c.follows.is_not(None))
_partial("ix_job_batch", "batch_id", "batch_index", where=job.c.batch_id.is_not(None))
_partial("ix_job_kept", "tenant", "finished_at", where=job.c.purged_at.is_(None) & job.c.finished_at.is_not(None))
_partial("ix_job_payload", "tenant", "finished_at", where=job.c.payload.is_not(None) & job.c.finished_at.is_not(None))
_partial("ix_job_blob", "tenant", "finished_at", where=job.c.blob.is_not(None) & job.c.finished_at.is_not(None))

batch = sa.Table(
    "batch",
    metadata,
    sa.Column("id", sa.String(36), primary_key=True),
    sa.Column("tenant", sa.String(64), nullable=False),
    sa.Column("priority", sa.String(16), nullable=False),
    sa.Column("created_at", Seconds, nullable=False),
    sa.Column("items", sa.Integer, nullable=False, comment="how many were sent"),
    sa.Column("problems", sa.Text, nullable=False, server_default="[]", comment="refused items, JSON; no part of them"),
    sa.Column("idempotency_key", sa.String(200)),
    sa.Column("body_hash", sa.String(64), nullable=False),
    sa.UniqueConstraint("tenant", "idempotency_key"),
    sa.Index("ix_batch_tenant_created_at", "tenant", "created_at"),
)

tenant = sa.Table(
    "tenant",
    metadata,
    sa.Column("name", sa.String(64), primary_key=True),
    sa.Column("result_h", sa.Double, comment="hours that results are kept; NULL: as the setting says; 0: for ever"),
    sa.Column("payload_h", sa.Double, comment="the same for what was submitted and what the stages left"),
    sa.Column("audio_h", sa.Double, comment="the same for recordings"),
    sa.Column("share", sa.Double, nullable=False, server_default="1", comment="weight when tenants wait for workers"),
)

endpoint = sa.Table(
    "endpoint",
    metadata,
    sa.Column("id", sa.String(36), primary_key=True),
    sa.Column("tenant", sa.String(64), nullable=False, index=True),
    sa.Column("key_id", sa.String(40), nullable=False),
    sa.Column("wrapped_key", sa.LargeBinary, nullable=False),
    sa.Column("url", sa.LargeBinary, nullable=False, comment="sealed: an address may hold a secret"),
    sa.Column("created_at", Seconds, nullable=False),
    sa.Column("disabled_at", Seconds),
)

signing_secret = sa.Table(
    "signing_secret",
    metadata,
    sa.Column("id", sa.String(36), primary_key=True),
    sa.Column("tenant", sa.String(64), nullable=False, index=True),
    sa.Column("key_id", sa.String(40), nullable=False),
    sa.Column("wrapped_key", sa.LargeBinary, nullable=False),
    sa.Column("secret", sa.LargeBinary, nullable=False, comment="sealed"),
    sa.Column("created_at", Seconds, nullable=False),
    sa.Column("revoked_at", Seconds),
)

delivery = sa.Table(
    "delivery",
    metadata,
    sa.Column("id", sa.String(36), primary_key=True),
    sa.Column("tenant", sa.String(64), nullable=False),
    sa.Column("job_id", sa.String(36)),
    sa.Column("batch_id", sa.String(36)),
    sa.Column("endpoint_id", sa.String(36), comment="NULL: the address came with the submission"),
    sa.Column("key_id", sa.String(40), nullable=False),
    sa.Column("wrapped_key", sa.LargeBinary, nullable=False),
    sa.Column("url", sa.LargeBinary, nullable=False, comment="sealed"),
    sa.Column("kind", sa.String(8), nullable=False, server_default="end", comment="end, or crisis: told at once"),
    sa.Column("state", sa.String(12), nullable=False, comment="armed, due, delivered or given_up"),
    sa.Column("attempt", sa.Integer, nullable=False, server_default="0"),
    sa.Column("created_at", Seconds, nullable=False),
    sa.Column("due_at", Seconds, comment="when its event happened"),
    sa.Column("next_at", Seconds, comment="when it is sent next"),
    sa.Column("ended_at", Seconds),
    sa.Index("ix_delivery_job_id", "job_id"),
    sa.Index("ix_delivery_batch_id", "batch_id"),
    sa.Index("ix_delivery_tenant_created_at", "tenant", "created_at"),
)

_DUE = delivery.c.state == DUE
sa.Index("ix_delivery_due", delivery.c.next_at, sqlite_where=_DUE, postgresql_where=_DUE)
_OPEN_BATCH = (delivery.c.state == ARMED) & delivery.c.batch_id.is_not(None)
sa.Index("ix_delivery_armed_batch", delivery.c.batch_id, sqlite_where=_OPEN_BATCH, postgresql_where=_OPEN_BATCH)

delivery_attempt = sa.Table(
    "delivery_attempt",
    metadata,
    sa.Column("id", sa.String(36), primary_key=True),
    sa.Column("delivery_id", sa.String(36), nullable=False, index=True),
    sa.Column("at", Seconds, nullable=False),
    sa.Column("status_code", sa.Integer),
    sa.Column("problem", sa.String(200), comment="why no answer came, in our words"),
    sa.Column("seconds", sa.Double, nullable=False),
)

audit = sa.Table(
    "audit",
    metadata,
    sa.Column("id", sa.String(36), primary_key=True),
    sa.Column("at", Seconds, nullable=False),
    sa.Column("tenant", sa.String(64), nullable=False),
    sa.Column("actor", sa.String(120), nullable=False, comment="user:..., key:... or worker:..."),
    sa.Column("action", sa.String(40), nullable=False),
    sa.Column("job_id", sa.String(36)),
    sa.Column("outcome", sa.String(40), nullable=False),
    sa.Column("address", sa.String(64)),
    sa.Column("request_id", sa.String(64)),
    sa.Index("ix_audit_tenant_at", "tenant", "at"),
    sa.Index("ix_audit_job_id", "job_id"),
)

review = sa.Table(
    "review",
    metadata,
    sa.Column("id", sa.String(36), primary_key=True),
    sa.Column("tenant", sa.String(64), nullable=False),
    sa.Column("job_id", sa.String(36), nullable=False, index=True),
    sa.Column("reviewer", sa.String(120), nullable=False, comment="user:... or key:..."),
    sa.Column("action", sa.String(12), nullable=False, comment="confirm, correct or reject"),
    sa.Column("created_at", Seconds, nullable=False),
    sa.Column("content", sa.LargeBinary, nullable=False, comment="sealed with the job's key"),
)

user = sa.Table(
    "account",
    metadata,
    sa.Column("id", sa.String(36), primary_key=True),
    sa.Column("tenant", sa.String(64), nullable=False),
    sa.Column("username", sa.String(80), nullable=False, unique=True),
    sa.Column("password_hash", sa.String(200), nullable=False, comment="argon2id"),
    sa.Column("role", sa.String(24), nullable=False),
    sa.Column("created_at", Seconds, nullable=False),
    sa.Column("disabled_at", Seconds),
)

refresh_token = sa.Table(
    "refresh_token",
    metadata,
    sa.Column("hash", sa.String(64), primary_key=True, comment="SHA-256 of the token"),
    sa.Column("family", sa.String(36), nullable=False, index=True),
    sa.Column("user_id", sa.String(36), nullable=False),
    sa.Column("expires_at", Seconds, nullable=False),
    sa.Column("used_at", Seconds),
    sa.Column("revoked_at", Seconds),
)

api_key = sa.Table(
    "api_key",
    metadata,
    sa.Column("id", sa.String(36), primary_key=True),
    sa.Column("tenant", sa.String(64), nullable=False),
    sa.Column("name", sa.String(80), nullable=False),
    sa.Column("hash", sa.String(64), nullable=False, unique=True, comment="SHA-256 of the key"),
    sa.Column("scopes", sa.String(200), nullable=False, comment="space between"),
    sa.Column("created_at", Seconds, nullable=False),
    sa.Column("revoked_at", Seconds),
)

worker = sa.Table(
    "worker",
    metadata,
    sa.Column("name", sa.String(80), primary_key=True),
    sa.Column("device", sa.String(24), nullable=False),
    sa.Column("started_at", Seconds, nullable=False),
    sa.Column("seen_at", Seconds, nullable=False),
    sa.Column("models", sa.String(2000), nullable=False, comment="what is loaded, JSON"),
    sa.Column("job_id", sa.String(36)),
    sa.Column("revision", sa.Integer, nullable=False, server_default="0", comment="of the model registry, as it heard"),
    sa.Column(
        "problems", sa.String(2000), nullable=False, server_default="{}", comment="why it lacks a model, by stage"
    ),
    sa.Column(
        "memory", sa.String(400), nullable=False, server_default="{}", comment="MB of the models, by stage, JSON"
    ),
)

speed = sa.Table(
    "speed",
    metadata,
    sa.Column("stage", sa.String(24), primary_key=True),
    sa.Column("source", sa.String(8), primary_key=True),
    sa.Column("seconds_per_unit", sa.Double, nullable=False, comment="moving mean; per character or audio second"),
    sa.Column("updated_at", Seconds, nullable=False),
)
