"""the consent boxes a form had before"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "5a0e2c61d7f4"
down_revision = "4c1e7a90b2d1"
branch_labels = None
depends_on = None


def upgrade() -> None:
    column = sa.Column("earlier_consents", postgresql.JSONB(astext_type=sa.Text()), server_default="[]", nullable=False)
    op.add_column("form", column)


def downgrade() -> None:
    op.drop_column("form", "earlier_consents")
