"""The server that `intake` measures: the product's own, with one more route that reads a report and does nothing."""

import dataclasses

import msgspec
import uvicorn
from litestar import post

import backend.app
from backend.city import City, open_city
from backend.heap import settle
from backend.intake.report import Report
from backend.policy.sections import BySender
from backend.settings import Settings
from ops.serve import settings_here


@post("/api/nothing")
async def nothing(data: Report) -> dict[str, int]:
    """The reference: the same body, decoded; nothing done."""
    return {"people": data.people_count}


def without_limits(city: City) -> City:
    """As much as anybody likes from one address, at once, too."""
    policy = city.policy
    most = dict.fromkeys(BySender.__struct_fields__, 10_000_000)
    limits = msgspec.structs.replace(policy.limits, requests_per_minute=BySender(**most), at_once=BySender(**most))
    intake = msgspec.structs.replace(
        policy.intake, rate_per_minute=dict.fromkeys(policy.intake.rate_per_minute, 10_000_000)
    )
    return dataclasses.replace(city, policy=msgspec.structs.replace(policy, limits=limits, intake=intake))


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
