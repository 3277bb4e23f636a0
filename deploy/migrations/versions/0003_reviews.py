"""What clinicians say of a result, and crises that are told at once."""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"

CRISIS_AT = sa.Column(
    "crisis_at", sa.Double(), comment="when a sign of acute danger to life was told of, which is done once"
)
KIND = sa.Column("kind", sa.String(8), server_default="end", nullable=False, comment="end, or crisis: told at once")


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
    op.add_column("job", CRISIS_AT)
    op.add_column("delivery", KIND)


def downgrade() -> None:
    op.drop_table("review")
    for table, column in (("job", CRISIS_AT), ("delivery", KIND)):
        with op.batch_alter_table(table) as changed:
            changed.drop_column(column.name)
