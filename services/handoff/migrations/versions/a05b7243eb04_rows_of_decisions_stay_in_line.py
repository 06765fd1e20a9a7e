"""rows of decisions stay in line: compressing each of them cost a third of the insert"""

from alembic import op

revision = 'a05b7243eb04'
down_revision = '9e4a6b32dac3'
branch_labels = None
depends_on = None


def upgrade() -> None:
    for table in ('assignment', 'outbox'):
        op.execute(f'ALTER TABLE {table} SET (toast_tuple_target = 8160)')


def downgrade() -> None:
    for table in ('assignment', 'outbox'):
        op.execute(f'ALTER TABLE {table} RESET (toast_tuple_target)')
