"""The roads of Dalian, opened once."""

from pathlib import Path

import pytest

from backend.geo.roads import Roads

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="session")
def dalian() -> Roads:
    return Roads.open(ROOT / "cities" / "dalian" / "roads.graph", verify=True)


@pytest.fixture
def dalian_regions() -> Path:
    return ROOT / "cities" / "dalian" / "regions.geojson"
