"""The first tables: jobs, the audit trail, accounts and keys, workers and their speed."""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None


def upgrade() -> None:
    op.create_table(
        "account",
        sa.Column("id", sa.String(length=36), nullable=False),
        sa.Column("tenant", sa.String(length=64), nullable=False),
        sa.Column("username", sa.String(length=80), nullable=False),
        sa.Column("password_hash", sa.String(length=200), nullable=False, comment="argon2id"),
        sa.Column("role", sa.String(length=24), nullable=False),
        sa.Column("created_at", sa.Double(), nullable=False),
        sa.Column("disabled_at", sa.Double(), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_account")),
        sa.UniqueConstraint("username", name=op.f("uq_account_username")),
    )
    op.create_table(
        "api_key",
        sa.Column("id", sa.String(length=36), nullable=False),
        sa.Column("tenant", sa.String(length=64), nullable=False),
        sa.Column("name", sa.String(length=80), nullable=False),
        sa.Column("hash", sa.String(length=64), nullable=False, comment="SHA-256 of the key"),
        sa.Column("scopes", sa.String(length=200), nullable=False, comment="space between"),
        sa.Column("created_at", sa.Double(), nullable=False),
        sa.Column("revoked_at", sa.Double(), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_api_key")),
        sa.UniqueConstraint("hash", name=op.f("uq_api_key_hash")),
    )
    op.create_table(
        "audit",
        sa.Column("id", sa.String(length=36), nullable=False),
        sa.Column("at", sa.Double(), nullable=False),
        sa.Column("tenant", sa.String(length=64), nullable=False),
        sa.Column("actor", sa.String(length=120), nullable=False, comment="user:..., key:... or worker:..."),
        sa.Column("action", sa.String(length=40), nullable=False),
        sa.Column("job_id", sa.String(length=36), nullable=True),
        sa.Column("outcome", sa.String(length=40), nullable=False),
        sa.Column("address", sa.String(length=64), nullable=True),
        sa.Column("request_id", sa.String(length=64), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_audit")),
    )
    op.create_index("ix_audit_job_id", "audit", ["job_id"], unique=False)
    op.create_index("ix_audit_tenant_at", "audit", ["tenant", "at"], unique=False)
    op.create_table(
        "job",
        sa.Column("id", sa.String(length=36), nullable=False),
        sa.Column("tenant", sa.String(length=64), nullable=False),
        sa.Column("status", sa.String(length=24), nullable=False),
        sa.Column("priority", sa.String(length=16), nullable=False),
        sa.Column("source", sa.String(length=8), nullable=False, comment="text or audio"),
        sa.Column(
            "size", sa.Double(), nullable=False, comment="characters of text or seconds of recording, for the ETA"
        ),
        sa.Column("stages", sa.String(length=120), nullable=False, comment="all stages asked for, comma between"),
        sa.Column("remaining", sa.String(length=120), nullable=False, comment="stages not yet done, comma between"),
        sa.Column("progress", sa.Double(), server_default="0", nullable=False),
        sa.Column("attempt", sa.Integer(), server_default="0", nullable=False),
        sa.Column("max_attempts", sa.Integer(), nullable=False),
        sa.Column(
            "token", sa.String(length=36), nullable=True, comment="fencing token of the attempt that owns the row"
        ),
        sa.Column("lease", sa.Double(), nullable=True, comment="until when the owner is believed to live"),
        sa.Column("not_before", sa.Double(), nullable=False),
        sa.Column("created_at", sa.Double(), nullable=False),
        sa.Column("sent_at", sa.Double(), server_default="0", nullable=False, comment="when its id last went to Redis"),
        sa.Column("claimed_at", sa.Double(), nullable=True),
        sa.Column("finished_at", sa.Double(), nullable=True),
        sa.Column("purged_at", sa.Double(), nullable=True, comment="when its key was destroyed"),
        sa.Column("worker", sa.String(length=80), nullable=True),
        sa.Column("reason_code", sa.String(length=40), nullable=True),
        sa.Column("reason_detail", sa.String(length=400), nullable=True),
        sa.Column(
            "timings", sa.String(length=400), server_default="{}", nullable=False, comment="seconds a stage, JSON"
        ),
        sa.Column("idempotency_key", sa.String(length=200), nullable=True),
        sa.Column("body_hash", sa.String(length=64), nullable=False),
        sa.Column("blob", sa.String(length=200), nullable=True, comment="key of the recording in the blob store"),
        sa.Column("key_id", sa.String(length=40), nullable=False),
        sa.Column("wrapped_key", sa.LargeBinary(), nullable=True, comment="NULL once the job is purged"),
        sa.Column("payload", sa.LargeBinary(), nullable=True, comment="JobRequest, sealed"),
        sa.Column("case_file", sa.LargeBinary(), nullable=True, comment="Case after the last finished stage, sealed"),
        sa.Column(
            "partial", sa.LargeBinary(), nullable=True, comment="text that has come so far in the running stage, sealed"
        ),
        sa.Column("result", sa.LargeBinary(), nullable=True, comment="what clients read, sealed"),
        sa.Column("bundle", sa.LargeBinary(), nullable=True, comment="FHIR Bundle, sealed"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_job")),
        sa.UniqueConstraint("tenant", "idempotency_key", name=op.f("uq_job_tenant_idempotency_key")),
    )
    op.create_index("ix_job_tenant_created_at", "job", ["tenant", "created_at"], unique=False)
    op.create_index("ix_job_line", "job", ["status", "created_at", "source", "size", "progress"], unique=False)
    op.create_index("ix_job_waiting", "job", ["status", "not_before", "created_at"], unique=False)
    op.create_table(
        "refresh_token",
        sa.Column("hash", sa.String(length=64), nullable=False, comment="SHA-256 of the token"),
        sa.Column("family", sa.String(length=36), nullable=False),
        sa.Column("user_id", sa.String(length=36), nullable=False),
        sa.Column("expires_at", sa.Double(), nullable=False),
        sa.Column("used_at", sa.Double(), nullable=True),
        sa.Column("revoked_at", sa.Double(), nullable=True),
        sa.PrimaryKeyConstraint("hash", name=op.f("pk_refresh_token")),
    )
    op.create_index(op.f("ix_refresh_token_family"), "refresh_token", ["family"], unique=False)
    op.create_table(
        "speed",
        sa.Column("stage", sa.String(length=24), nullable=False),
        sa.Column("source", sa.String(length=8), nullable=False),
        sa.Column(
            "seconds_per_unit", sa.Double(), nullable=False, comment="moving mean; per character or audio second"
        ),
        sa.Column("updated_at", sa.Double(), nullable=False),
        sa.PrimaryKeyConstraint("stage", "source", name=op.f("pk_speed")),
    )
    op.create_table(
        "worker",
        sa.Column("name", sa.String(length=80), nullable=False),
        sa.Column("device", sa.String(length=24), nullable=False),
        sa.Column("started_at", sa.Double(), nullable=False),
        sa.Column("seen_at", sa.Double(), nullable=False),
        sa.Column("models", sa.String(length=2000), nullable=False, comment="what is loaded, JSON"),
        sa.Column("job_id", sa.String(length=36), nullable=True),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_worker")),
    )


def downgrade() -> None:
    for table in ("speed", "worker", "api_key", "refresh_token", "account", "audit", "job"):
        op.drop_table(table)
