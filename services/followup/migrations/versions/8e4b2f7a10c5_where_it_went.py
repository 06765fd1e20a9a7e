"""Where a touch went, as a hash."""

import sqlalchemy as sa
from alembic import op

revision = "8e4b2f7a10c5"
down_revision = "5d2f8b01c6e4"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("sent", sa.Column("address_hash", sa.LargeBinary(), nullable=True))


def downgrade() -> None:
    op.drop_column("sent", "address_hash")
