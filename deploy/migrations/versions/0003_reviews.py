"""What clinicians say of a result."""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    op.create_table(
        "review",
        sa.Column("id", sa.String(36), nullable=False),
        sa.Column("tenant", sa.String(64), nullable=False),
        sa.Column("job_id", sa.String(36), nullable=False),
        sa.Column("reviewer", sa.String(120), nullable=False, comment="user:... or key:..."),
        sa.Column("action", sa.String(12), nullable=False, comment="confirm, correct or reject"),
        sa.Column("created_at", sa.Double(), nullable=False),
        sa.Column("content", sa.LargeBinary(), nullable=False, comment="sealed with the job's key"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_review")),
    )
    op.create_index(op.f("ix_review_job_id"), "review", ["job_id"])


def downgrade() -> None:
    op.drop_table("review")
