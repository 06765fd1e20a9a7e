"""the scoreboard's lines"""

import sqlalchemy as sa
import sqlmodel
from alembic import op
from sqlalchemy.dialects import postgresql

revision = '8d3f5a21c9b2'
down_revision = '7c2e4f10b8a1'
branch_labels = None
depends_on = None

Instant = sa.DateTime(timezone=True)
JSONB = postgresql.JSONB(astext_type=sa.Text())
Words = sqlmodel.sql.sqltypes.AutoString
STEPS = ('raised', 'mql', 'offered', 'sal', 'contacted', 'sales_qualified', 'proposed', 'won', 'lost', 'recycled',
         'disqualified', 'merged')


def upgrade() -> None:
    op.drop_index('ix_fact_at', table_name='fact')
    op.create_index('fact_type_at', 'fact', ['type', 'at'], unique=False)
    op.create_table('board_due',
    sa.Column('id', sa.BigInteger(), sa.Identity(always=True), nullable=False),
    sa.Column('lead_id', sa.Uuid(), nullable=False),
    sa.PrimaryKeyConstraint('id')
    )
    op.create_table('board_state',
    sa.Column('id', sa.Integer(), nullable=False),
    sa.Column('agreement', Words(), nullable=False),
    sa.PrimaryKeyConstraint('id')
    )
    op.create_table('board_lead',
    sa.Column('lead_id', sa.Uuid(), nullable=False),
    sa.Column('person_id', sa.Uuid(), nullable=True),
    sa.Column('test', sa.Boolean(), nullable=False),
    *(sa.Column(name, Words(), nullable=False) for name in (
        'form', 'selection', 'tier', 'source', 'medium', 'campaign', 'pool')),
    sa.Column('rep_id', sa.Uuid(), nullable=True),
    sa.Column('received_at', Instant, nullable=True),
    *(sa.Column(f'{name}_at', Instant, nullable=True) for name in STEPS),
    *(sa.Column(f'{name}_implied', sa.Boolean(), nullable=False) for name in ('sal', 'contacted', 'sales_qualified')),
    sa.Column('amount', sa.Numeric(), nullable=True),
    sa.Column('currency', Words(), nullable=False),
    sa.Column('rejected_as', JSONB, nullable=False),
    sa.Column('sal_seconds', sa.Integer(), nullable=True),
    sa.Column('contacted_seconds', sa.Integer(), nullable=True),
    sa.Column('first_at', Instant, nullable=False),
    sa.Column('last_at', Instant, nullable=False),
    sa.PrimaryKeyConstraint('lead_id')
    )
    op.create_index('board_lead_span', 'board_lead', ['last_at', 'first_at'], unique=False)
    op.create_index('board_lead_person', 'board_lead', ['person_id', 'won_at'], unique=False,
                    postgresql_where='won_at IS NOT NULL')
    op.create_table('board_assignment',
    sa.Column('assignment_id', sa.Uuid(), nullable=False),
    sa.Column('lead_id', sa.Uuid(), nullable=False),
    sa.Column('rep_id', sa.Uuid(), nullable=False),
    sa.Column('pool', Words(), nullable=False),
    sa.Column('tier', Words(), nullable=False),
    sa.Column('offered_at', Instant, nullable=False),
    sa.Column('answered_at', Instant, nullable=True),
    sa.Column('ended_as', Words(), nullable=False),
    sa.Column('reason', Words(), nullable=False),
    sa.Column('touched_at', Instant, nullable=True),
    sa.Column('acceptance_breached', sa.Boolean(), nullable=False),
    sa.Column('touch_breached', sa.Boolean(), nullable=False),
    sa.PrimaryKeyConstraint('assignment_id')
    )
    op.create_index('board_assignment_lead', 'board_assignment', ['lead_id'], unique=False)
    op.create_index('board_assignment_offered', 'board_assignment', ['offered_at'], unique=False)
    op.execute('INSERT INTO board_due (lead_id) SELECT DISTINCT lead_id FROM fact WHERE lead_id IS NOT NULL')


def downgrade() -> None:
    for table in ('board_assignment', 'board_lead', 'board_state', 'board_due'):
        op.drop_table(table)
    op.drop_index('fact_type_at', table_name='fact')
    op.create_index('ix_fact_at', 'fact', ['at'], unique=False)
