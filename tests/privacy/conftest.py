"""The whole application, as for the tests of its routes."""

from tests.api.conftest import api, cheap_passwords, dalian, unlimited

__all__ = ["api", "cheap_passwords", "dalian", "unlimited"]
