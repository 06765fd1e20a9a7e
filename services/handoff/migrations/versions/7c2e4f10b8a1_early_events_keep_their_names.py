"""early events keep their names"""

import sqlalchemy as sa
import sqlmodel
from alembic import op

revision = '7c2e4f10b8a1'
down_revision = '5b1d7c20a9e4'
branch_labels = None
depends_on = None

NAMES = {'source': "'/crm'", 'event_id': 'id::text', 'topic': "'crm.outcomes.v1'", 'key': 'lead_id::text'}


def upgrade() -> None:
    for name in NAMES:
        op.add_column('early_event', sa.Column(name, sqlmodel.sql.sqltypes.AutoString(), nullable=True))
    op.execute(f"UPDATE early_event SET {', '.join(f'{name} = {value}' for name, value in NAMES.items())}, "
               "data = data || jsonb_build_object('lead_id', lead_id)")
    for name in NAMES:
        op.alter_column('early_event', name, nullable=False)


def downgrade() -> None:
    for name in NAMES:
        op.drop_column('early_event', name)
