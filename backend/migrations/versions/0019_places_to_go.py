"""What a facility has: opening times, places by kind, its level; accounts that are of one."""

import sqlalchemy as sa
from alembic import op

revision = "0019"
down_revision = "0018"
branch_labels = None
depends_on = None
# "before": processes of the version before go on serving on it (only adds). "after": once none of them runs.
phase = "before"


def upgrade() -> None:
    op.create_table(
        "facility_places",
        sa.Column("city_id", sa.Text(), nullable=False),
        sa.Column("facility_id", sa.Uuid(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("capacity", sa.Integer(), nullable=False),
        sa.CheckConstraint(
            "kind IN ('any', 'men', 'women', 'minors', 'families', 'medical')", name=op.f("ck_facility_places_kind")
        ),
        sa.CheckConstraint("capacity >= 0", name=op.f("ck_facility_places_capacity")),
        sa.ForeignKeyConstraint(
            ["city_id", "facility_id"],
            ["facilities.city_id", "facilities.id"],
            name=op.f("fk_facility_places_facilities"),
        ),
        sa.PrimaryKeyConstraint("city_id", "facility_id", "kind", name=op.f("pk_facility_places")),
        comment="How many places a facility has of each kind; one that lists none has places for anybody, up to its capacity.",
    )
    op.add_column("accounts", sa.Column("facility_id", sa.Uuid(), nullable=True))
    op.create_foreign_key(
        "fk_accounts_facility", "accounts", "facilities", ["city_id", "facility_id"], ["city_id", "id"]
    )
    op.add_column("facilities", sa.Column("opening", sa.Text(), nullable=True))
    op.add_column("facilities", sa.Column("level", sa.Text(), nullable=True))
    op.add_column(
        "facilities", sa.Column("is_regional_centre", sa.Boolean(), server_default=sa.text("false"), nullable=False)
    )


def downgrade() -> None:
    raise NotImplementedError("Migrations go forward; to go back, restore a backup (docs/operations.md).")
