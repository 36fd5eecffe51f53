"""The outbox is the matter here: passwords are hashed cheaply."""

import pytest

from tests.access.builders import cheapen_passwords


@pytest.fixture(autouse=True)
def cheap_passwords(monkeypatch: pytest.MonkeyPatch) -> None:
    cheapen_passwords(monkeypatch)
