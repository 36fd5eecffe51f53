"""What a process of an installation is given in its environment."""

from tests.keys import KEYS

SECRET = "fN3vQ8xT2mL7cR5wZ1kB9hY4pD6sJ0aG"
DALIAN_ENVIRONMENT = {
    "RESCUE_REDIS_URL": "redis://127.0.0.1:1/0",
    "RESCUE_SECRET_KEY": SECRET,
    "RESCUE_PERSONAL_KEYS": KEYS,
    "RESCUE_CITY": "dalian",
}
