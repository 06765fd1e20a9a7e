"""forms and endpoints"""

import sqlalchemy as sa
import sqlmodel
from alembic import op
from sqlalchemy.dialects import postgresql

revision = '7d1f0a4c2b61'
down_revision = '6b1d0c52a7e1'
branch_labels = None
depends_on = None

SELECTION = [
    {"value": "emergency", "label": "An emergency"},
    {"value": "estimate", "label": "An estimate"},
    {"value": "maintenance", "label": "Maintenance"},
    {"value": "question", "label": "A question"},
]
CONTACT = {
    "key": "contact",
    "title": "How can we help?",
    "fields": [
        {"name": "first_name", "label": "First name", "required": True, "missing": "Please enter your first name."},
        {"name": "last_name", "label": "Last name", "required": True, "missing": "Please enter your last name."},
        {"name": "phone", "label": "Phone number", "required": True},
        {"name": "email", "label": "Email address", "required": True},
        {"name": "postal_code", "label": "Postal code"},
        {"name": "selection", "label": "How can we help?", "required": True, "choices": SELECTION},
        {"name": "message", "label": "Message", "required": True, "missing": "Please enter a message."},
    ],
}
API = {
    "key": "api",
    "title": "Leads from software",
    "one_of": ["email", "phone"],
    "fields": [
        {key: value for key, value in field.items() if key in ("name", "label")} for field in CONTACT["fields"]
    ],
}


def upgrade() -> None:
    op.create_table('endpoint',
    sa.Column('id', sqlmodel.sql.sqltypes.AutoString(), nullable=False),
    sa.Column('kind', sqlmodel.sql.sqltypes.AutoString(), nullable=False),
    sa.Column('form', sqlmodel.sql.sqltypes.AutoString(), nullable=False),
    sa.Column('secret', sqlmodel.sql.sqltypes.AutoString(), nullable=True),
    sa.Column('old_secret', sqlmodel.sql.sqltypes.AutoString(), nullable=True),
    sa.Column('verify_token', sqlmodel.sql.sqltypes.AutoString(), nullable=True),
    sa.Column('created_at', sa.DateTime(timezone=True), nullable=False),
    sa.Column('disabled_at', sa.DateTime(timezone=True), nullable=True),
    sa.PrimaryKeyConstraint('id')
    )
    form = op.create_table('form',
    sa.Column('key', sqlmodel.sql.sqltypes.AutoString(), nullable=False),
    sa.Column('definition', postgresql.JSONB(astext_type=sa.Text()), nullable=False),
    sa.Column('version', sa.Integer(), nullable=False),
    sa.Column('changed_at', sa.DateTime(timezone=True), nullable=False),
    sa.Column('disabled_at', sa.DateTime(timezone=True), nullable=True),
    sa.PrimaryKeyConstraint('key')
    )
    for definition in (CONTACT, API):
        values = {"key": definition["key"], "definition": definition, "version": 1, "changed_at": sa.func.now()}
        op.execute(form.insert().values(values))
    op.create_table('lead_fetch',
    sa.Column('endpoint_id', sqlmodel.sql.sqltypes.AutoString(), nullable=False),
    sa.Column('provider_id', sqlmodel.sql.sqltypes.AutoString(), nullable=False),
    sa.Column('notice', postgresql.JSONB(astext_type=sa.Text()), nullable=False),
    sa.Column('received_at', sa.DateTime(timezone=True), nullable=False),
    sa.Column('next_at', sa.DateTime(timezone=True), nullable=False),
    sa.Column('attempts', sa.SmallInteger(), server_default='0', nullable=False),
    sa.Column('error', sqlmodel.sql.sqltypes.AutoString(), nullable=True),
    sa.Column('done_at', sa.DateTime(timezone=True), nullable=True),
    sa.PrimaryKeyConstraint('endpoint_id', 'provider_id')
    )
    op.create_index('lead_fetch_due', 'lead_fetch', ['next_at'], unique=False, postgresql_where='done_at IS NULL')
    op.create_index(op.f('ix_lead_fetch_done_at'), 'lead_fetch', ['done_at'], unique=False)


def downgrade() -> None:
    op.drop_table('lead_fetch')
    op.drop_table('form')
    op.drop_table('endpoint')
