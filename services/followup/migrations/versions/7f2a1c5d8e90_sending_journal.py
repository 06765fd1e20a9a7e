"""the journal of sending, what people said, what came back, shared limits"""

import sqlalchemy as sa
import sqlmodel
from alembic import op

revision = '7f2a1c5d8e90'
down_revision = '7d20b8c4e611'
branch_labels = None
depends_on = None

text = sqlmodel.sql.sqltypes.AutoString
instant = sa.DateTime(timezone=True)


def upgrade() -> None:
    op.add_column('suppression', sa.Column('until', instant, nullable=True))
    op.create_index('client_email', 'client', [sa.text("lower(contact ->> 'email'::text)")])
    op.create_index('client_phone', 'client', [sa.text("(contact ->> 'phone'::text)")])
    op.create_table('consent_event',
    sa.Column('id', sa.Uuid(), nullable=False),
    sa.Column('client_id', sa.Uuid(), nullable=True),
    sa.Column('address_hash', sa.LargeBinary(), nullable=True),
    sa.Column('channel', text(), nullable=False),
    sa.Column('purpose', text(), nullable=False),
    sa.Column('granted', sa.Boolean(), nullable=False),
    sa.Column('basis', text(), nullable=False),
    sa.Column('evidence', text(), nullable=False),
    sa.Column('at', instant, nullable=False),
    sa.Column('expires_at', instant, nullable=True),
    sa.PrimaryKeyConstraint('id')
    )
    op.create_index('consent_event_address', 'consent_event', ['address_hash', 'channel'])
    op.create_index('consent_event_client', 'consent_event', ['client_id'])
    op.create_table('attempt',
    sa.Column('touch_id', sa.Uuid(), nullable=False),
    sa.Column('fence', sa.Integer(), nullable=False),
    sa.Column('number', sa.Integer(), nullable=False),
    sa.Column('message_id', text(), nullable=False),
    sa.Column('at', instant, nullable=False),
    sa.PrimaryKeyConstraint('touch_id', 'fence')
    )
    op.create_table('sent',
    sa.Column('touch_id', sa.Uuid(), nullable=False),
    sa.Column('client_id', sa.Uuid(), nullable=False),
    sa.Column('lead_id', sa.Uuid(), nullable=False),
    sa.Column('plan', text(), nullable=False),
    sa.Column('subject', text(), nullable=False),
    sa.Column('step', text(), nullable=False),
    sa.Column('cycle', sa.Integer(), nullable=False),
    sa.Column('channel', text(), nullable=False),
    sa.Column('message_id', text(), nullable=False),
    sa.Column('at', instant, nullable=False),
    sa.Column('told_by', text(), nullable=False),
    sa.PrimaryKeyConstraint('touch_id'),
    sa.UniqueConstraint('client_id', 'plan', 'subject', 'step', 'cycle', name='sent_once')
    )
    op.create_index('sent_at', 'sent', ['at'])
    op.create_table('delivery_fact',
    sa.Column('ref', text(), nullable=False),
    sa.Column('kind', text(), nullable=False),
    sa.Column('touch_id', sa.Uuid(), nullable=True),
    sa.Column('client_id', sa.Uuid(), nullable=True),
    sa.Column('address_hash', sa.LargeBinary(), nullable=True),
    sa.Column('detail', text(), nullable=False),
    sa.Column('at', instant, nullable=False),
    sa.PrimaryKeyConstraint('ref')
    )
    op.create_index('delivery_fact_address', 'delivery_fact', ['address_hash', 'at'])
    op.create_index('delivery_fact_kind', 'delivery_fact', ['kind', 'at'])
    op.create_table('send_limit',
    sa.Column('name', text(), nullable=False),
    sa.Column('window_start', instant, nullable=False),
    sa.Column('used', sa.Integer(), nullable=False),
    sa.PrimaryKeyConstraint('name')
    )
    op.create_table('topic_position',
    sa.Column('partition', sa.Integer(), autoincrement=False, nullable=False),
    sa.Column('offset', sa.BigInteger(), nullable=False),
    sa.PrimaryKeyConstraint('partition')
    )


def downgrade() -> None:
    for table in ('topic_position', 'send_limit', 'delivery_fact', 'sent', 'attempt', 'consent_event'):
        op.drop_table(table)
    op.drop_index('client_phone', 'client')
    op.drop_index('client_email', 'client')
    op.drop_column('suppression', 'until')
