"""prospects; every enrolment knows the day it counts from"""

import sqlalchemy as sa
from alembic import op

revision = '7d20b8c4e611'
down_revision = '6c1f0a9d2b34'
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column('client', sa.Column('prospect', sa.Boolean(), nullable=False, server_default='false'))
    op.alter_column('client', 'prospect', server_default=None)
    op.execute(
        "UPDATE enrolment SET anchors = anchors || jsonb_build_object('arrived_at', enrolled_at, "
        "'day', coalesce(anchors->>'job.completed_on', (enrolled_at AT TIME ZONE 'UTC')::date::text))"
    )


def downgrade() -> None:
    op.drop_column('client', 'prospect')
