"""people and scores with history"""

import sqlalchemy as sa
import sqlmodel
from alembic import op
from sqlalchemy.dialects import postgresql

revision = '70707b86dcd5'
down_revision = '7d1f0a4c2b61'
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table('campaign',
    sa.Column('key', sqlmodel.sql.sqltypes.AutoString(), nullable=False),
    sa.Column('promise', sqlmodel.sql.sqltypes.AutoString(), nullable=True),
    sa.Column('changed_at', sa.DateTime(timezone=True), nullable=False),
    sa.PrimaryKeyConstraint('key')
    )
    op.create_table('campaign_cost',
    sa.Column('campaign', sqlmodel.sql.sqltypes.AutoString(), nullable=False),
    sa.Column('spent_on', sa.Date(), nullable=False),
    sa.Column('amount', sa.Numeric(precision=14, scale=3), nullable=False),
    sa.Column('currency', sqlmodel.sql.sqltypes.AutoString(), nullable=False),
    sa.Column('imported_at', sa.DateTime(timezone=True), nullable=False),
    sa.PrimaryKeyConstraint('campaign', 'spent_on')
    )
    op.create_table('erasure',
    sa.Column('key_hash', sa.LargeBinary(), nullable=False),
    sa.Column('at', sa.DateTime(timezone=True), nullable=False),
    sa.PrimaryKeyConstraint('key_hash')
    )
    op.create_table('outcome',
    sa.Column('id', sa.Uuid(), nullable=False),
    sa.Column('lead_id', sa.Uuid(), nullable=False),
    sa.Column('person_id', sa.Uuid(), nullable=False),
    sa.Column('outcome', sqlmodel.sql.sqltypes.AutoString(), nullable=False),
    sa.Column('reason', sqlmodel.sql.sqltypes.AutoString(), nullable=False),
    sa.Column('score', sa.Integer(), nullable=False),
    sa.Column('grade', sqlmodel.sql.sqltypes.AutoString(), nullable=False),
    sa.Column('tier', sqlmodel.sql.sqltypes.AutoString(), nullable=True),
    sa.Column('agreement', sqlmodel.sql.sqltypes.AutoString(), nullable=False),
    sa.Column('campaign', sqlmodel.sql.sqltypes.AutoString(), nullable=True),
    sa.Column('at', sa.DateTime(timezone=True), nullable=False),
    sa.PrimaryKeyConstraint('id')
    )
    op.create_index(op.f('ix_outcome_lead_id'), 'outcome', ['lead_id'], unique=False)
    op.create_table('person_merge',
    sa.Column('id', sa.Uuid(), nullable=False),
    sa.Column('person_id', sa.Uuid(), nullable=False),
    sa.Column('into_id', sa.Uuid(), nullable=False),
    sa.Column('why', sqlmodel.sql.sqltypes.AutoString(), nullable=False),
    sa.Column('lead_id', sa.Uuid(), nullable=True),
    sa.Column('at', sa.DateTime(timezone=True), nullable=False),
    sa.Column('undone_at', sa.DateTime(timezone=True), nullable=True),
    sa.PrimaryKeyConstraint('id')
    )
    op.create_index(op.f('ix_person_merge_into_id'), 'person_merge', ['into_id'], unique=False)
    op.create_index(op.f('ix_person_merge_person_id'), 'person_merge', ['person_id'], unique=False)
    op.create_table('rescore',
    sa.Column('agreement', sqlmodel.sql.sqltypes.AutoString(), nullable=False),
    sa.Column('total', sa.Integer(), nullable=False),
    sa.Column('done', sa.Integer(), nullable=False),
    sa.Column('qualified', sa.Integer(), nullable=False),
    sa.Column('disqualified', sa.Integer(), nullable=False),
    sa.Column('failed', sa.Integer(), nullable=False),
    sa.Column('reached', sa.Uuid(), nullable=True),
    sa.Column('started_at', sa.DateTime(timezone=True), nullable=False),
    sa.Column('finished_at', sa.DateTime(timezone=True), nullable=True),
    sa.ForeignKeyConstraint(['agreement'], ['agreement.hash'], ),
    sa.PrimaryKeyConstraint('agreement')
    )
    op.add_column('consent', sa.Column('source', sqlmodel.sql.sqltypes.AutoString(), nullable=False, server_default='submission'))
    op.alter_column('consent', 'source', server_default=None)
    op.add_column('consent', sa.Column('text_version', sqlmodel.sql.sqltypes.AutoString(), nullable=True))
    op.add_column('consent', sa.Column('checkbox', sqlmodel.sql.sqltypes.AutoString(), nullable=True))
    op.add_column('consent', sa.Column('form', sqlmodel.sql.sqltypes.AutoString(), nullable=True))
    op.add_column('consent', sa.Column('form_version', sqlmodel.sql.sqltypes.AutoString(), nullable=True))
    op.add_column('consent', sa.Column('page_url', sqlmodel.sql.sqltypes.AutoString(), nullable=True))
    op.add_column('consent', sa.Column('ip', sqlmodel.sql.sqltypes.AutoString(), nullable=True))
    op.add_column('consent', sa.Column('user_agent', sqlmodel.sql.sqltypes.AutoString(), nullable=True))
    op.add_column('consent', sa.Column('seller', sqlmodel.sql.sqltypes.AutoString(), nullable=True))
    op.add_column('consent', sa.Column('reason', sqlmodel.sql.sqltypes.AutoString(), nullable=True))
    op.alter_column('consent', 'lead_id',
               existing_type=sa.UUID(),
               nullable=True)
    op.add_column('lead', sa.Column('test', sa.Boolean(), server_default='false', nullable=False))
    op.add_column('lead', sa.Column('grade', sqlmodel.sql.sqltypes.AutoString(), server_default='', nullable=False))
    op.add_column('lead', sa.Column('campaign', sqlmodel.sql.sqltypes.AutoString(), nullable=True))
    op.add_column('lead', sa.Column('first_touch', sa.Uuid(), nullable=True))
    op.add_column('lead', sa.Column('last_touch', sa.Uuid(), nullable=True))
    op.add_column('lead', sa.Column('decided_at', sa.DateTime(timezone=True), nullable=True))
    op.execute('UPDATE lead SET decided_at = opened_at')
    op.alter_column('lead', 'decided_at', nullable=False)
    op.add_column('person', sa.Column('merged_into', sa.Uuid(), nullable=True))
    op.create_index('person_merged_into', 'person', ['merged_into'], unique=False, postgresql_where='merged_into IS NOT NULL')
    op.alter_column('person_key', 'last_name', new_column_name='name')
    op.alter_column('person_key', 'seen_at', new_column_name='since')
    op.execute('UPDATE person_key SET name = lower(name)')
    op.add_column('person_key', sa.Column('until', sa.DateTime(timezone=True), nullable=True))
    op.add_column('person_key', sa.Column('why', sqlmodel.sql.sqltypes.AutoString(), nullable=False, server_default='submission'))
    op.alter_column('person_key', 'why', server_default=None)
    op.add_column('person_key', sa.Column('lead_id', sa.Uuid(), nullable=True))
    op.drop_constraint('person_key_pkey', 'person_key')
    op.create_primary_key('person_key_pkey', 'person_key', ['kind', 'value', 'person_id', 'name', 'since'])
    op.add_column('review_task', sa.Column('outcome', sqlmodel.sql.sqltypes.AutoString(), nullable=True))
    op.create_index(op.f('ix_review_task_other_id'), 'review_task', ['other_id'], unique=False)
    op.create_index('review_task_open', 'review_task', ['created_at'], unique=False, postgresql_where='settled_at IS NULL')
    op.create_index('review_task_pair', 'review_task', ['person_id', 'other_id'], unique=True)
    op.add_column('score_entry', sa.Column('kind', sqlmodel.sql.sqltypes.AutoString(), server_default='', nullable=False))
    op.add_column('score_entry', sa.Column('rule', sqlmodel.sql.sqltypes.AutoString(), server_default='', nullable=False))
    op.add_column('score_entry', sa.Column('at', sa.DateTime(timezone=True), nullable=True))
    op.execute('UPDATE score_entry s SET at = l.opened_at FROM lead l WHERE l.id = s.lead_id')
    op.alter_column('score_entry', 'at', nullable=False)
    op.add_column('submission', sa.Column('retry_at', sa.DateTime(timezone=True), nullable=True))
    op.add_column('submission', sa.Column('merged_into', sa.Uuid(), nullable=True))
    op.create_check_constraint(
        'submission_state', 'submission',
        "state IN ('waiting', 'open', 'closed', 'merged', 'quarantined', 'disqualified', 'erased')")
    op.create_index('submission_merged_into', 'submission', ['merged_into'], unique=False, postgresql_where='merged_into IS NOT NULL')


def downgrade() -> None:
    op.drop_index('submission_merged_into', table_name='submission', postgresql_where='merged_into IS NOT NULL')
    op.drop_constraint('submission_state', 'submission')
    op.drop_column('submission', 'merged_into')
    op.drop_column('submission', 'retry_at')
    op.drop_column('score_entry', 'at')
    op.drop_column('score_entry', 'rule')
    op.drop_column('score_entry', 'kind')
    op.drop_index('review_task_pair', table_name='review_task')
    op.drop_index('review_task_open', table_name='review_task', postgresql_where='settled_at IS NULL')
    op.drop_index(op.f('ix_review_task_other_id'), table_name='review_task')
    op.drop_column('review_task', 'outcome')
    op.drop_constraint('person_key_pkey', 'person_key')
    op.create_primary_key('person_key_pkey', 'person_key', ['kind', 'value', 'person_id'])
    op.drop_column('person_key', 'lead_id')
    op.drop_column('person_key', 'why')
    op.drop_column('person_key', 'until')
    op.alter_column('person_key', 'since', new_column_name='seen_at')
    op.alter_column('person_key', 'name', new_column_name='last_name')
    op.drop_index('person_merged_into', table_name='person', postgresql_where='merged_into IS NOT NULL')
    op.drop_column('person', 'merged_into')
    op.drop_column('lead', 'decided_at')
    op.drop_column('lead', 'last_touch')
    op.drop_column('lead', 'first_touch')
    op.drop_column('lead', 'campaign')
    op.drop_column('lead', 'grade')
    op.drop_column('lead', 'test')
    op.alter_column('consent', 'lead_id',
               existing_type=sa.UUID(),
               nullable=False)
    op.drop_column('consent', 'reason')
    op.drop_column('consent', 'seller')
    op.drop_column('consent', 'user_agent')
    op.drop_column('consent', 'ip')
    op.drop_column('consent', 'page_url')
    op.drop_column('consent', 'form_version')
    op.drop_column('consent', 'form')
    op.drop_column('consent', 'checkbox')
    op.drop_column('consent', 'text_version')
    op.drop_column('consent', 'source')
    op.drop_table('rescore')
    op.drop_index(op.f('ix_person_merge_person_id'), table_name='person_merge')
    op.drop_index(op.f('ix_person_merge_into_id'), table_name='person_merge')
    op.drop_table('person_merge')
    op.drop_index(op.f('ix_outcome_lead_id'), table_name='outcome')
    op.drop_table('outcome')
    op.drop_table('erasure')
    op.drop_table('campaign_cost')
    op.drop_table('campaign')
