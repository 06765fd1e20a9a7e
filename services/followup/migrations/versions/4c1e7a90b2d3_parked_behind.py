"""What waits behind a failed event of its key is told from the failed one."""

from alembic import op

revision = "4c1e7a90b2d3"
down_revision = "8b31d7e04c52"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.drop_index("inbox_dead", table_name="inbox")
    op.create_index("inbox_dead", "inbox", ["topic", "key"], unique=False, postgresql_where="status IN (1, 3)")


def downgrade() -> None:
    op.execute("UPDATE inbox SET status = 1 WHERE status = 3")
    op.drop_index("inbox_dead", table_name="inbox")
    op.create_index("inbox_dead", "inbox", ["topic", "key"], unique=False, postgresql_where="status = 1")
