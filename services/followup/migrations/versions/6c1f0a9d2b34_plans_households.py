"""plans and their versions, households, what is known of a client, touches by cycle"""

import sqlalchemy as sa
import sqlmodel
from alembic import op
from sqlalchemy.dialects import postgresql

revision = '6c1f0a9d2b34'
down_revision = '6b1d0c52a7e3'
branch_labels = None
depends_on = None

text = sqlmodel.sql.sqltypes.AutoString
instant = sa.DateTime(timezone=True)


def upgrade() -> None:
    op.add_column('client', sa.Column('household_id', sa.Uuid(), nullable=True))
    op.execute("UPDATE client SET household_id = id")
    op.alter_column('client', 'household_id', nullable=False)
    op.add_column('client', sa.Column('surname', text(), nullable=True))
    op.execute("UPDATE client SET surname = nullif(lower(contact->>'last_name'), '')")
    op.add_column('client', sa.Column('zone', text(), nullable=True))
    op.add_column('client', sa.Column('region', text(), nullable=True))
    op.add_column('client', sa.Column('moved_at', instant, nullable=True))
    op.add_column('client', sa.Column('stopped_at', instant, nullable=True))
    op.create_index(op.f('ix_client_household_id'), 'client', ['household_id'])
    op.create_index(op.f('ix_client_surname'), 'client', ['surname'])
    op.create_table('job',
    sa.Column('client_id', sa.Uuid(), nullable=False),
    sa.Column('id', text(), nullable=False),
    sa.Column('lead_id', sa.Uuid(), nullable=False),
    sa.Column('trade', text(), nullable=False),
    sa.Column('outcome', text(), nullable=False),
    sa.Column('completed_on', sa.Date(), nullable=False),
    sa.Column('arrived_at', instant, nullable=False),
    sa.PrimaryKeyConstraint('client_id', 'id')
    )
    op.create_table('asset',
    sa.Column('client_id', sa.Uuid(), nullable=False),
    sa.Column('kind', text(), nullable=False),
    sa.Column('installed_on', sa.Date(), nullable=False),
    sa.Column('warranty_until', sa.Date(), nullable=True),
    sa.PrimaryKeyConstraint('client_id', 'kind')
    )
    op.create_table('client_fact',
    sa.Column('client_id', sa.Uuid(), nullable=False),
    sa.Column('kind', text(), nullable=False),
    sa.Column('ref', text(), nullable=False),
    sa.Column('at', instant, nullable=False),
    sa.PrimaryKeyConstraint('client_id', 'kind', 'ref')
    )
    op.create_table('hold',
    sa.Column('client_id', sa.Uuid(), nullable=False),
    sa.Column('kind', text(), nullable=False),
    sa.Column('ref', text(), nullable=False),
    sa.Column('opened_at', instant, nullable=False),
    sa.Column('until', instant, nullable=False),
    sa.PrimaryKeyConstraint('client_id', 'kind', 'ref')
    )
    op.create_index(op.f('ix_hold_until'), 'hold', ['until'])
    op.create_table('plan',
    sa.Column('key', text(), nullable=False),
    sa.Column('version', sa.Integer(), nullable=False),
    sa.Column('sha256', text(), nullable=False),
    sa.Column('text', text(), nullable=False),
    sa.Column('templates', postgresql.JSONB(astext_type=sa.Text()), nullable=False),
    sa.Column('state', text(), nullable=False),
    sa.Column('published_at', instant, nullable=False),
    sa.Column('retired_at', instant, nullable=True),
    sa.PrimaryKeyConstraint('key', 'version')
    )
    op.create_index('plan_published', 'plan', ['key'], unique=True, postgresql_where="state = 'published'")
    op.create_table('recomputation',
    sa.Column('id', sa.Uuid(), nullable=False),
    sa.Column('at', instant, nullable=False),
    sa.Column('cause', text(), nullable=False),
    sa.Column('enrolments', sa.Integer(), nullable=False),
    sa.Column('kept', sa.Integer(), nullable=False),
    sa.Column('moved', sa.Integer(), nullable=False),
    sa.Column('gained', sa.Integer(), nullable=False),
    sa.Column('lost', sa.Integer(), nullable=False),
    sa.Column('max_shift_seconds', sa.Integer(), nullable=False),
    sa.PrimaryKeyConstraint('id')
    )
    _enrolments()
    _touches()


def _enrolments() -> None:
    op.add_column('enrolment', sa.Column('plan_version', sa.Integer(), nullable=False, server_default='1'))
    op.add_column('enrolment', sa.Column('cycle', sa.Integer(), nullable=False, server_default='0'))
    op.add_column('enrolment', sa.Column('anchors', postgresql.JSONB(astext_type=sa.Text()), nullable=False, server_default='{}'))
    op.add_column('enrolment', sa.Column('state', text(), nullable=False, server_default='active'))
    op.add_column('enrolment', sa.Column('reason', text(), nullable=True))
    op.add_column('enrolment', sa.Column('settled_at', instant, nullable=True))
    op.add_column('enrolment', sa.Column('basis', text(), nullable=False, server_default=''))
    op.add_column('enrolment', sa.Column('horizon', sa.Date(), nullable=True))
    for name in ('plan_version', 'cycle', 'anchors', 'state', 'basis'):
        op.alter_column('enrolment', name, server_default=None)
    op.drop_constraint('enrolment_client_id_plan_subject_key', 'enrolment', type_='unique')
    op.create_unique_constraint(None, 'enrolment', ['plan', 'client_id', 'subject', 'cycle'])
    op.create_index('enrolment_client', 'enrolment', ['client_id'])
    op.create_index('enrolment_horizon', 'enrolment', ['horizon'], postgresql_where="state = 'active'")
    op.create_index('enrolment_basis', 'enrolment', ['basis'], postgresql_where="state = 'active'")


def _touches() -> None:
    """Touches planned before cycles were known are of cycle 0; their local time is told in UTC."""
    op.add_column('touch', sa.Column('plan_version', sa.Integer(), nullable=False, server_default='1'))
    op.add_column('touch', sa.Column('cycle', sa.Integer(), nullable=False, server_default='0'))
    op.add_column('touch', sa.Column('priority', sa.Integer(), nullable=False, server_default='0'))
    op.add_column('touch', sa.Column('local_date', sa.Date(), nullable=True))
    op.add_column('touch', sa.Column('local_time', sa.Time(), nullable=True))
    op.execute("UPDATE touch SET local_date = (due_at AT TIME ZONE 'UTC')::date, local_time = (due_at AT TIME ZONE 'UTC')::time")
    op.alter_column('touch', 'local_date', nullable=False)
    op.alter_column('touch', 'local_time', nullable=False)
    op.add_column('touch', sa.Column('zone', text(), nullable=False, server_default='UTC'))
    op.add_column('touch', sa.Column('tzdata', text(), nullable=False, server_default=''))
    op.add_column('touch', sa.Column('notes', postgresql.JSONB(astext_type=sa.Text()), nullable=False, server_default='[]'))
    for name in ('plan_version', 'cycle', 'priority', 'zone', 'tzdata', 'notes'):
        op.alter_column('touch', name, server_default=None)
    op.drop_constraint('touch_enrolment_id_step_key', 'touch', type_='unique')
    op.create_unique_constraint(None, 'touch', ['enrolment_id', 'step', 'cycle'])


def downgrade() -> None:
    op.drop_constraint('touch_enrolment_id_step_cycle_key', 'touch', type_='unique')
    op.create_unique_constraint(None, 'touch', ['enrolment_id', 'step'])
    for name in ('notes', 'tzdata', 'zone', 'local_time', 'local_date', 'priority', 'cycle', 'plan_version'):
        op.drop_column('touch', name)
    for name in ('enrolment_basis', 'enrolment_horizon', 'enrolment_client'):
        op.drop_index(name, table_name='enrolment')
    op.drop_constraint('enrolment_plan_client_id_subject_cycle_key', 'enrolment', type_='unique')
    op.create_unique_constraint(None, 'enrolment', ['client_id', 'plan', 'subject'])
    for name in ('horizon', 'basis', 'settled_at', 'reason', 'state', 'anchors', 'cycle', 'plan_version'):
        op.drop_column('enrolment', name)
    for name in ('recomputation', 'plan', 'hold', 'client_fact', 'asset', 'job'):
        op.drop_table(name)
    for name in ('stopped_at', 'moved_at', 'region', 'zone', 'surname', 'household_id'):
        op.drop_column('client', name)
