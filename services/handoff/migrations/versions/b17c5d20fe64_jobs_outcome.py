"""how a job ended, for the plans that choose by it"""

import sqlalchemy as sa
import sqlmodel
from alembic import op

revision = 'b17c5d20fe64'
down_revision = 'a05b7243eb04'
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column('job', sa.Column('outcome', sqlmodel.sql.sqltypes.AutoString(), nullable=False, server_default=''))
    op.alter_column('job', 'outcome', server_default=None)


def downgrade() -> None:
    op.drop_column('job', 'outcome')
