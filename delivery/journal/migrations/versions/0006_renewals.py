"""Who renews what, containers that are kept before their first renewal, and those of earlier proofs."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("archives", sa.Column("content", sa.Text(), nullable=True))
    op.add_column("archives", sa.Column("former", sa.Text(), nullable=True))
    op.create_table(
        "renewals",
        sa.Column("delivery", sa.Text(), nullable=False),
        sa.Column("lease_until", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(["delivery"], ["deliveries.id"], name="fk_renewals_delivery"),
        sa.PrimaryKeyConstraint("delivery", name="pk_renewals"),
    )
