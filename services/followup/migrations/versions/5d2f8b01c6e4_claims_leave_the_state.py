"""a claim is a lease on a planned touch: no index is written for it"""

import sqlalchemy as sa
from alembic import op

revision = "5d2f8b01c6e4"
down_revision = "4c1e7a90b2d3"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.drop_index("touch_leased", "touch")
    op.create_index("touch_sending", "touch", ["id"], postgresql_where=sa.text("state = 'sending'"))
    op.execute("UPDATE touch SET state = 'planned' WHERE state = 'claimed'")
    op.execute("ALTER TABLE touch SET (fillfactor = 90)")  # room for the claimed row on the page of the planned one


def downgrade() -> None:
    op.execute("ALTER TABLE touch RESET (fillfactor)")
    op.drop_index("touch_sending", "touch")
    op.create_index("touch_leased", "touch", ["lease_until"], postgresql_where=sa.text("state IN ('claimed', 'sending')"))
