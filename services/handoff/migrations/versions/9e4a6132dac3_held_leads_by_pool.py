"""held leads by pool"""

import sqlalchemy as sa
from alembic import op

revision = '9e4a6132dac3'
down_revision = '8d3f5a21c9b2'
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column('lead', sa.Column('held_in', sa.String(), nullable=False, server_default=''))
    op.create_index('lead_held', 'lead', ['held_in', 'qualified_at'], unique=False, postgresql_where="state = 'held'")


def downgrade() -> None:
    op.drop_index('lead_held', table_name='lead')
    op.drop_column('lead', 'held_in')
