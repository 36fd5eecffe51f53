"""What these tests share: cheap passwords, and the city as it is shipped."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from backend.city import City, open_city
from tests.access.builders import cheapen_passwords

DALIAN = Path(__file__).parents[2] / "cities" / "dalian"


@pytest.fixture(autouse=True)
def cheap_passwords() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        cheapen_passwords(patch)
        yield


@pytest.fixture(scope="session")
def dalian() -> City:
    """The shipped city with its roads, opened once."""
    return open_city(DALIAN)
