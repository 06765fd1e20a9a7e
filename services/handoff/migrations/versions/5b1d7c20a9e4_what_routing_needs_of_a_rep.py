"""what routing needs of a rep"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = '5b1d7c20a9e4'
down_revision = '6b1d0c52a7e2'
branch_labels = None
depends_on = None

Instant = sa.DateTime(timezone=True)
JSONB = postgresql.JSONB(astext_type=sa.Text())


def upgrade() -> None:
    for name in ('skills', 'languages', 'licences', 'territories'):
        op.add_column('rep', sa.Column(name, JSONB, nullable=False, server_default=sa.text("'[]'::jsonb")))
    op.add_column('rep', sa.Column('zone', sa.String(), nullable=False, server_default=''))
    op.add_column('rep', sa.Column('hours', JSONB, nullable=False, server_default=sa.text("'{}'::jsonb")))
    op.add_column('rep', sa.Column('holidays', sa.String(), nullable=False, server_default=''))
    op.add_column('rep', sa.Column('paused_until', Instant, nullable=True))
    op.add_column('rep', sa.Column('max_open', sa.Integer(), nullable=True))
    op.add_column('rep', sa.Column('max_per_day', sa.Integer(), nullable=True))
    op.add_column('rep', sa.Column('manager', sa.Boolean(), nullable=False, server_default=sa.false()))
    op.add_column('rep', sa.Column('on_call', sa.Boolean(), nullable=False, server_default=sa.false()))
    op.create_table('time_off',
    sa.Column('id', sa.Uuid(), nullable=False),
    sa.Column('rep_id', sa.Uuid(), nullable=False),
    sa.Column('starts_at', Instant, nullable=False),
    sa.Column('ends_at', Instant, nullable=False),
    sa.Column('reason', sa.String(), nullable=False),
    sa.ForeignKeyConstraint(['rep_id'], ['rep.id'], ),
    sa.PrimaryKeyConstraint('id')
    )
    op.create_index('time_off_rep', 'time_off', ['rep_id', 'ends_at'], unique=False)
    op.add_column('lead', sa.Column('held_since', Instant, nullable=True))
    op.add_column('assignment', sa.Column('touch_by', Instant, nullable=True))
    op.add_column('assignment', sa.Column('pool', sa.String(), nullable=False, server_default=''))
    op.create_index('assignment_open', 'assignment', ['rep_id'], unique=False, postgresql_where="state IN ('offered', 'accepted', 'active')")
    op.add_column('timer', sa.Column('percent', sa.SmallInteger(), nullable=False, server_default='100'))
    op.execute("UPDATE timer SET kind = 'acceptance' WHERE kind = 'offer'")
    op.create_table('refund',
    sa.Column('assignment_id', sa.Uuid(), nullable=False),
    sa.Column('pool', sa.String(), nullable=False),
    sa.Column('rep_id', sa.Uuid(), nullable=False),
    sa.Column('reason', sa.String(), nullable=False),
    sa.Column('at', Instant, nullable=False),
    sa.Column('booked_turn', sa.BigInteger(), nullable=True),
    sa.ForeignKeyConstraint(['rep_id'], ['rep.id'], ),
    sa.PrimaryKeyConstraint('assignment_id')
    )
    op.create_index('refund_waiting', 'refund', ['pool'], unique=False, postgresql_where='booked_turn IS NULL')
    op.create_table('roster',
    sa.Column('hash', sa.String(), nullable=False),
    sa.Column('pool', sa.String(), nullable=False),
    sa.Column('at', Instant, nullable=False),
    sa.Column('reps', JSONB, nullable=False),
    sa.PrimaryKeyConstraint('hash')
    )


def downgrade() -> None:
    op.drop_table('roster')
    op.drop_table('refund')
    op.execute("UPDATE timer SET kind = 'offer' WHERE kind = 'acceptance'")
    op.drop_column('timer', 'percent')
    op.drop_index('assignment_open', table_name='assignment')
    op.drop_column('assignment', 'pool')
    op.drop_column('assignment', 'touch_by')
    op.drop_column('lead', 'held_since')
    op.drop_table('time_off')
    for name in ('on_call', 'manager', 'max_per_day', 'max_open', 'paused_until', 'holidays', 'hours', 'zone', 'territories', 'licences', 'languages', 'skills'):
        op.drop_column('rep', name)
