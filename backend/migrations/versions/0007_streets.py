"""The streets of the road graph, for the map's tiles."""

import sqlalchemy as sa
from alembic import op
from geoalchemy2 import Geometry

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None
phase = "before"


def upgrade() -> None:
    """Only adds; empty until `rescue city load` reads the graph."""
    op.create_table(
        "streets",
        sa.Column("city_id", sa.Text(), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("class", sa.Text(), nullable=False),
        sa.Column("rank", sa.Integer(), nullable=False),
        sa.Column("geom", Geometry("LINESTRING", srid=4326, spatial_index=False), nullable=False),
        sa.Column("digest", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("city_id", "number", name=op.f("pk_streets")),
        comment="Drawn from the road graph, whose digest each row has; rank: the larger, the more important (RoadClass).",
    )
    op.create_index("ix_streets_geom", "streets", ["geom"], unique=False, postgresql_using="gist")


def downgrade() -> None:
    raise NotImplementedError("Migrations go forward; to go back, restore a backup (docs/operations.md).")
