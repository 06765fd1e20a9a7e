"""mails to the company itself, and who became whom"""

import sqlalchemy as sa
import sqlmodel
from alembic import op

revision = '8b31d7e04c52'
down_revision = '7f2a1c5d8e90'
branch_labels = None
depends_on = None

text = sqlmodel.sql.sqltypes.AutoString
instant = sa.DateTime(timezone=True)


def upgrade() -> None:
    op.add_column('client', sa.Column('merged_into', sa.Uuid(), nullable=True))
    op.create_table('notice',
    sa.Column('id', sa.Uuid(), nullable=False),
    sa.Column('subject', text(), nullable=False),
    sa.Column('text', text(), nullable=False),
    sa.Column('reply_to', text(), nullable=True),
    sa.Column('due_at', instant, nullable=False),
    sa.Column('attempt', sa.Integer(), nullable=False),
    sa.PrimaryKeyConstraint('id')
    )
    op.create_index('notice_due', 'notice', ['due_at'])


def downgrade() -> None:
    op.drop_table('notice')
    op.drop_column('client', 'merged_into')
