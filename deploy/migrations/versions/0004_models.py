"""The model registry: versions, every act on them, how shadows did, and what models have answered."""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"

NEW_TABLES = ("feedback", "tally", "prediction", "model_comparison", "model_change", "model_version")
COUNTED = ("jobs", "cached", "failed", "degraded", "judged", "unsure", "agreed", "disagreed")
REVISION = sa.Column(
    "revision", sa.Integer(), server_default="0", nullable=False, comment="of the model registry, as it heard"
)
PROBLEMS = sa.Column(
    "problems", sa.String(2000), server_default="{}", nullable=False, comment="why it lacks a model, by stage"
)
MEMORY = sa.Column(
    "memory", sa.String(400), server_default="{}", nullable=False, comment="MB of the models, by stage, JSON"
)


def upgrade() -> None:
    op.create_table(
        "model_version",
        sa.Column("id", sa.String(36), nullable=False),
        sa.Column("stage", sa.String(24), nullable=False),
        sa.Column("name", sa.String(80), nullable=False),
        sa.Column("version", sa.String(40), nullable=False),
        sa.Column("engine", sa.String(40), nullable=False),
        sa.Column("folder", sa.String(200)),
        sa.Column("sha256", sa.String(64)),
        sa.Column("adapter", sa.Boolean(), server_default=sa.false(), nullable=False),
        sa.Column("size_bytes", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("source", sa.String(400), server_default="", nullable=False),
        sa.Column("licence", sa.String(200), server_default="", nullable=False),
        sa.Column("card", sa.Text(), server_default="", nullable=False),
        sa.Column("options", sa.Text(), server_default="{}", nullable=False),
        sa.Column("metrics", sa.Text(), server_default="{}", nullable=False),
        sa.Column("state", sa.String(12), nullable=False),
        sa.Column("share", sa.Double(), server_default="0", nullable=False),
        sa.Column("replaced", sa.String(36)),
        sa.Column("registered_at", sa.Double(), nullable=False),
        sa.Column("promoted_at", sa.Double()),
        sa.Column("retired_at", sa.Double()),
        sa.Column("registered_by", sa.String(120), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_model_version")),
        sa.UniqueConstraint("stage", "name", "version", name=op.f("uq_model_version_stage_name_version")),
    )
    for state in ("live", "canary", "shadow"):
        its = sa.text(f"state = '{state}'")
        name = f"uq_model_version_{state}"
        op.create_index(name, "model_version", ["stage"], unique=True, sqlite_where=its, postgresql_where=its)
    op.create_table(
        "model_change",
        sa.Column("seq", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("at", sa.Double(), nullable=False),
        sa.Column("stage", sa.String(24), nullable=False),
        sa.Column("version_id", sa.String(36)),
        sa.Column("actor", sa.String(120), nullable=False),
        sa.Column("from_state", sa.String(12), nullable=False),
        sa.Column("to_state", sa.String(12), nullable=False),
        sa.Column("share", sa.Double(), server_default="0", nullable=False),
        sa.Column("reason", sa.String(400), server_default="", nullable=False),
        sa.PrimaryKeyConstraint("seq", name=op.f("pk_model_change")),
    )
    op.create_index("ix_model_change_version_id", "model_change", ["version_id"])
    op.create_table(
        "model_comparison",
        sa.Column("id", sa.String(36), nullable=False),
        sa.Column("at", sa.Double(), nullable=False),
        sa.Column("tenant", sa.String(64), nullable=False),
        sa.Column("job_id", sa.String(36), nullable=False),
        sa.Column("stage", sa.String(24), nullable=False),
        sa.Column("version_id", sa.String(36), nullable=False),
        sa.Column("served_id", sa.String(36)),
        sa.Column("agreement", sa.Double()),
        sa.Column("seconds", sa.Double(), nullable=False),
        sa.Column("served_seconds", sa.Double(), nullable=False),
        sa.Column("error", sa.String(80)),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_model_comparison")),
    )
    op.create_index(op.f("ix_model_comparison_job_id"), "model_comparison", ["job_id"])
    op.create_index("ix_model_comparison_version_id_at", "model_comparison", ["version_id", "at"])
    _figures()
    op.add_column("worker", REVISION)
    op.add_column("worker", PROBLEMS)
    op.add_column("worker", MEMORY)


def _figures() -> None:
    op.create_table(
        "prediction",
        sa.Column("job_id", sa.String(36), nullable=False),
        sa.Column("tenant", sa.String(64), nullable=False),
        sa.Column("at", sa.Double(), nullable=False),
        sa.Column("models", sa.String(2000), nullable=False),
        sa.Column("seconds", sa.Double(), nullable=False),
        sa.Column("cached", sa.Boolean(), nullable=False),
        sa.Column("confidence", sa.Double()),
        sa.Column("needs_review", sa.Boolean()),
        sa.Column("category", sa.LargeBinary(), comment="sealed with the job's key"),
        sa.PrimaryKeyConstraint("job_id", name=op.f("pk_prediction")),
    )
    op.create_index("ix_prediction_tenant_at", "prediction", ["tenant", "at", "job_id"])
    key = ("tenant", "hour", "stage", "model", "version", "pace")
    op.create_table(
        "tally",
        sa.Column("tenant", sa.String(64), nullable=False),
        sa.Column("hour", sa.Integer(), nullable=False),
        sa.Column("stage", sa.String(24), nullable=False),
        sa.Column("model", sa.String(120), nullable=False),
        sa.Column("version", sa.String(80), nullable=False),
        sa.Column("pace", sa.Integer(), nullable=False),
        *(sa.Column(name, sa.Integer(), server_default="0", nullable=False) for name in COUNTED),
        *(sa.Column(name, sa.Double(), server_default="0", nullable=False) for name in ("seconds", "confidence")),
        sa.PrimaryKeyConstraint(*key, name=op.f("pk_tally")),
    )
    op.create_table(
        "feedback",
        sa.Column("id", sa.String(36), nullable=False),
        sa.Column("tenant", sa.String(64), nullable=False),
        sa.Column("job_id", sa.String(36), nullable=False),
        sa.Column("author", sa.String(120), nullable=False, comment="user:... or key:..."),
        sa.Column("target", sa.String(16), nullable=False),
        sa.Column("created_at", sa.Double(), nullable=False),
        sa.Column("content", sa.LargeBinary(), nullable=False, comment="sealed with the job's key"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_feedback")),
    )
    op.create_index(op.f("ix_feedback_job_id"), "feedback", ["job_id"])


def downgrade() -> None:
    with op.batch_alter_table("worker") as changed:
        changed.drop_column("revision")
        changed.drop_column("problems")
        changed.drop_column("memory")
    for table in NEW_TABLES:
        op.drop_table(table)
