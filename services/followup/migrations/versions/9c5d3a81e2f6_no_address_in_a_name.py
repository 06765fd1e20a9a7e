"""No address in the name of what came back: it is kept after an erasure."""

from alembic import op

revision = "9c5d3a81e2f6"
down_revision = "8e4b2f7a10c5"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.execute(
        "UPDATE delivery_fact SET ref = 'before:' || encode(sha256(convert_to(ref, 'UTF8')), 'hex') "
        "WHERE ref LIKE '%@%' OR ref LIKE 'referral:%:+%'"
    )


def downgrade() -> None:
    """What is forgotten stays forgotten."""
