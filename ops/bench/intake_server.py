"""The server that `intake` measures: the product's own, with one more route that reads a report and does nothing."""

import uvicorn
from litestar import post

import backend.app
from backend.city import open_city
from backend.heap import settle
from backend.intake.report import Report
from backend.settings import Settings
from ops.serve import settings_here
from ops.unlimited import without_limits


@post("/api/nothing")
async def nothing(data: Report) -> dict[str, int]:
    """The reference: the same body, decoded; nothing done."""
    return {"people": data.people_count}


def main() -> None:
    """Serve until terminated. The limits per sender are lifted: all clients come from one address."""
    settings: Settings = settings_here()
    city = without_limits(open_city(settings.city_folder))
    backend.app.ROUTES.append(nothing)
    app = backend.app.create_app(settings, city=city)
    settle()
    config = uvicorn.Config(
        app, host="127.0.0.1", port=settings.port, loop="uvloop", http="httptools", log_level="error", access_log=False
    )
    uvicorn.Server(config).run()


if __name__ == "__main__":
    main()
