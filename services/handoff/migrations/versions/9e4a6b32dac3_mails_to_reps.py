"""mails to reps"""

import sqlalchemy as sa
import sqlmodel
from alembic import op
from sqlalchemy.dialects import postgresql

revision = '9e4a6b32dac3'
down_revision = '9e4a6132dac3'
branch_labels = None
depends_on = None

Instant = sa.DateTime(timezone=True)
Words = sqlmodel.sql.sqltypes.AutoString


def upgrade() -> None:
    op.create_table('mail_job',
    sa.Column('id', sa.Uuid(), nullable=False),
    sa.Column('kind', Words(), nullable=False),
    sa.Column('rep_id', sa.Uuid(), nullable=True),
    sa.Column('lead_id', sa.Uuid(), nullable=False),
    sa.Column('assignment_id', sa.Uuid(), nullable=True),
    sa.Column('data', postgresql.JSONB(astext_type=sa.Text()), nullable=False),
    sa.Column('attempts', sa.Integer(), nullable=False),
    sa.Column('due_at', Instant, nullable=False),
    sa.Column('created_at', Instant, nullable=False),
    sa.PrimaryKeyConstraint('id')
    )
    op.create_index(op.f('ix_mail_job_due_at'), 'mail_job', ['due_at'], unique=False)
    op.create_table('person_consent',
    sa.Column('person_id', sa.Uuid(), nullable=False),
    sa.Column('channel', Words(), nullable=False),
    sa.Column('purpose', Words(), nullable=False),
    sa.Column('granted', sa.Boolean(), nullable=False),
    sa.Column('at', Instant, nullable=False),
    sa.PrimaryKeyConstraint('person_id', 'channel', 'purpose')
    )


def downgrade() -> None:
    op.drop_table('person_consent')
    op.drop_table('mail_job')
