"""The keys that seal in tests. Never those of anybody's environment."""

from backend.sealing import Ring

KEYS = "test:" + "dGVzdA" * 7 + "A="
RING = Ring.parse(KEYS)
