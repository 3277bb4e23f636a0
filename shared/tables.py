"""The tables of the ledger; times are seconds since the epoch by the database's clock."""

from __future__ import annotations

import sqlalchemy as sa

metadata = sa.MetaData(
    naming_convention={
        "pk": "pk_%(table_name)s",
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "fk": "fk_%(table_name)s_%(column_0_N_name)s",
    }
)

Seconds = sa.Double

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
    sa.Column("body_hash", sa.String(64), nullable=False),
    sa.Column("blob", sa.String(200), comment="key of the recording in the blob store"),
    sa.Column("key_id", sa.String(40), nullable=False),
    sa.Column("wrapped_key", sa.LargeBinary, comment="NULL once the job is purged"),
    sa.Column("payload", sa.LargeBinary, comment="JobRequest, sealed"),
    sa.Column("case_file", sa.LargeBinary, comment="Case after the last finished stage, sealed"),
    sa.Column("partial", sa.LargeBinary, comment="text that has come so far in the running stage, sealed"),
    sa.Column("result", sa.LargeBinary, comment="what clients read, sealed"),
    sa.Column("bundle", sa.LargeBinary, comment="FHIR Bundle, sealed"),
    sa.UniqueConstraint("tenant", "idempotency_key"),
    sa.Index("ix_job_waiting", "status", "not_before", "created_at"),
    sa.Index("ix_job_line", "status", "created_at", "source", "size", "progress"),
    sa.Index("ix_job_tenant_created_at", "tenant", "created_at"),
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
)

speed = sa.Table(
    "speed",
    metadata,
    sa.Column("stage", sa.String(24), primary_key=True),
    sa.Column("source", sa.String(8), primary_key=True),
    sa.Column("seconds_per_unit", sa.Double, nullable=False, comment="moving mean; per character or audio second"),
    sa.Column("updated_at", Seconds, nullable=False),
)
