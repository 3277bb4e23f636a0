"""Batches, shared results, webhooks' outbox, and what each tenant keeps for how long."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"

NEW_COLUMNS = (
    sa.Column(
        "stage_attempt", sa.Integer(), server_default="0", nullable=False, comment="attempts at the next stage so far"
    ),
    sa.Column("content_hash", sa.String(64), comment="keyed hash of what the stages read; NULL: never shared"),
    sa.Column("config_hash", sa.String(64), comment="stages and weights that made the result; NULL: not to be reused"),
    sa.Column("follows", sa.String(36), comment="the open job with the same content whose end this one awaits"),
    sa.Column("batch_id", sa.String(36)),
    sa.Column("batch_index", sa.Integer(), comment="place in the batch as it was sent, from 0"),
    sa.Column("notify", sa.Boolean(), server_default=sa.false(), nullable=False, comment="deliveries await its end"),
)
PARTIAL = {
    "ix_job_waiting": (
        ["priority", "tenant", "created_at", "not_before", "follows", "source", "size", "progress"],
        "status = 'queued'",
    ),
    "ix_job_running": (["tenant", "lease"], "status = 'running'"),
    "ix_job_ended": (["status"], "finished_at IS NOT NULL"),
    "ix_job_content": (["tenant", "content_hash", "config_hash"], "config_hash IS NOT NULL"),
    "ix_job_flight": (
        ["tenant", "content_hash"],
        "content_hash IS NOT NULL AND follows IS NULL AND (status = 'queued' OR status = 'running')",
    ),
    "ix_job_follows": (["follows"], "follows IS NOT NULL"),
    "ix_job_batch": (["batch_id", "batch_index"], "batch_id IS NOT NULL"),
    "ix_job_kept": (["tenant", "finished_at"], "purged_at IS NULL AND finished_at IS NOT NULL"),
    "ix_job_payload": (["tenant", "finished_at"], "payload IS NOT NULL AND finished_at IS NOT NULL"),
    "ix_job_blob": (["tenant", "finished_at"], "blob IS NOT NULL AND finished_at IS NOT NULL"),
}
NEW_TABLES = ("batch", "tenant", "endpoint", "signing_secret", "delivery", "delivery_attempt")


def upgrade() -> None:
    for column in NEW_COLUMNS:
        op.add_column("job", column)
    op.drop_index("ix_job_waiting", "job")
    op.drop_index("ix_job_line", "job")
    for name, (columns, where) in PARTIAL.items():
        op.create_index(name, "job", columns, sqlite_where=sa.text(where), postgresql_where=sa.text(where))
    op.create_table(
        "batch",
        sa.Column("id", sa.String(36), nullable=False),
        sa.Column("tenant", sa.String(64), nullable=False),
        sa.Column("priority", sa.String(16), nullable=False),
        sa.Column("created_at", sa.Double(), nullable=False),
        sa.Column("items", sa.Integer(), nullable=False, comment="how many were sent"),
        sa.Column(
            "problems", sa.Text(), server_default="[]", nullable=False, comment="refused items, JSON; no part of them"
        ),
        sa.Column("idempotency_key", sa.String(200)),
        sa.Column("body_hash", sa.String(64), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_batch")),
        sa.UniqueConstraint("tenant", "idempotency_key", name=op.f("uq_batch_tenant_idempotency_key")),
    )
    op.create_index("ix_batch_tenant_created_at", "batch", ["tenant", "created_at"])
    op.create_table(
        "tenant",
        sa.Column("name", sa.String(64), nullable=False),
        sa.Column(
            "result_h", sa.Double(), comment="hours that results are kept; NULL: as the setting says; 0: for ever"
        ),
        sa.Column("payload_h", sa.Double(), comment="the same for what was submitted and what the stages left"),
        sa.Column("audio_h", sa.Double(), comment="the same for recordings"),
        sa.Column(
            "share", sa.Double(), server_default="1", nullable=False, comment="weight when tenants wait for workers"
        ),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_tenant")),
    )
    _create_outbox()


def _create_outbox() -> None:
    op.create_table(
        "endpoint",
        sa.Column("id", sa.String(36), nullable=False),
        sa.Column("tenant", sa.String(64), nullable=False),
        sa.Column("key_id", sa.String(40), nullable=False),
        sa.Column("wrapped_key", sa.LargeBinary(), nullable=False),
        sa.Column("url", sa.LargeBinary(), nullable=False, comment="sealed: an address may hold a secret"),
        sa.Column("created_at", sa.Double(), nullable=False),
        sa.Column("disabled_at", sa.Double()),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_endpoint")),
    )
    op.create_index(op.f("ix_endpoint_tenant"), "endpoint", ["tenant"])
    op.create_table(
        "signing_secret",
        sa.Column("id", sa.String(36), nullable=False),
        sa.Column("tenant", sa.String(64), nullable=False),
        sa.Column("key_id", sa.String(40), nullable=False),
        sa.Column("wrapped_key", sa.LargeBinary(), nullable=False),
        sa.Column("secret", sa.LargeBinary(), nullable=False, comment="sealed"),
        sa.Column("created_at", sa.Double(), nullable=False),
        sa.Column("revoked_at", sa.Double()),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_signing_secret")),
    )
    op.create_index(op.f("ix_signing_secret_tenant"), "signing_secret", ["tenant"])
    op.create_table(
        "delivery",
        sa.Column("id", sa.String(36), nullable=False),
        sa.Column("tenant", sa.String(64), nullable=False),
        sa.Column("job_id", sa.String(36)),
        sa.Column("batch_id", sa.String(36)),
        sa.Column("endpoint_id", sa.String(36), comment="NULL: the address came with the submission"),
        sa.Column("key_id", sa.String(40), nullable=False),
        sa.Column("wrapped_key", sa.LargeBinary(), nullable=False),
        sa.Column("url", sa.LargeBinary(), nullable=False, comment="sealed"),
        sa.Column("state", sa.String(12), nullable=False, comment="armed, due, delivered or given_up"),
        sa.Column("attempt", sa.Integer(), server_default="0", nullable=False),
        sa.Column("created_at", sa.Double(), nullable=False),
        sa.Column("due_at", sa.Double(), comment="when its event happened"),
        sa.Column("next_at", sa.Double(), comment="when it is sent next"),
        sa.Column("ended_at", sa.Double()),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_delivery")),
    )
    due = sa.text("state = 'due'")
    op.create_index("ix_delivery_due", "delivery", ["next_at"], sqlite_where=due, postgresql_where=due)
    op.create_index("ix_delivery_job_id", "delivery", ["job_id"])
    op.create_index("ix_delivery_batch_id", "delivery", ["batch_id"])
    op.create_index("ix_delivery_tenant_created_at", "delivery", ["tenant", "created_at"])
    armed = sa.text("state = 'armed' AND batch_id IS NOT NULL")
    op.create_index("ix_delivery_armed_batch", "delivery", ["batch_id"], sqlite_where=armed, postgresql_where=armed)
    op.create_table(
        "delivery_attempt",
        sa.Column("id", sa.String(36), nullable=False),
        sa.Column("delivery_id", sa.String(36), nullable=False),
        sa.Column("at", sa.Double(), nullable=False),
        sa.Column("status_code", sa.Integer()),
        sa.Column("problem", sa.String(200), comment="why no answer came, in our words"),
        sa.Column("seconds", sa.Double(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_delivery_attempt")),
    )
    op.create_index(op.f("ix_delivery_attempt_delivery_id"), "delivery_attempt", ["delivery_id"])


def downgrade() -> None:
    for table in NEW_TABLES:
        op.drop_table(table)
    for name in PARTIAL:
        op.drop_index(name, "job")
    op.create_index("ix_job_waiting", "job", ["status", "not_before", "created_at"])
    op.create_index("ix_job_line", "job", ["status", "created_at", "source", "size", "progress"])
    with op.batch_alter_table("job") as job:
        for column in NEW_COLUMNS:
            job.drop_column(column.name)
