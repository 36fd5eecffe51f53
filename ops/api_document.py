"""`python -m ops.api_document FILE`: writes the OpenAPI document, from which the web apps' types are made (`make web-types`).

Nothing is contacted: the document follows from the code alone.
"""

import sys
from pathlib import Path
from typing import Final

import msgspec

from backend.app import create_app
from backend.settings import Settings, city_folder

NOWHERE: Final = {
    "RESCUE_DATABASE_URL": "postgresql://nobody@localhost/nothing",
    "RESCUE_REDIS_URL": "redis://localhost:1/0",
    "RESCUE_SECRET_KEY": "only for writing the document, never served",
    "RESCUE_PERSONAL_KEYS": "1:" + "A" * 43 + "=",
    "RESCUE_CITY": str(city_folder("dalian")),
}


def api_document() -> bytes:
    """The document as JSON, its lines in a stable order."""
    app = create_app(Settings.from_environment(NOWHERE))
    document = msgspec.to_builtins(app.openapi_schema.to_schema())
    return msgspec.json.format(msgspec.json.encode(document, order="sorted"), indent=1) + b"\n"


if __name__ == "__main__":
    Path(sys.argv[1]).write_bytes(api_document())
