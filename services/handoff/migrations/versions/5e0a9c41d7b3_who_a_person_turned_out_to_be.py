"""who a person turned out to be"""

import sqlalchemy as sa
from alembic import op

revision = "5e0a9c41d7b3"
down_revision = "4c1e7a90b2d2"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "person_heir",
        sa.Column("person_id", sa.Uuid(), nullable=False),
        sa.Column("into_id", sa.Uuid(), nullable=False),
        sa.PrimaryKeyConstraint("person_id"),
    )


def downgrade() -> None:
    op.drop_table("person_heir")
