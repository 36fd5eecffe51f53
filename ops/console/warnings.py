"""Warnings of weather services: what holds, what came, and one handed in."""

from datetime import datetime, timedelta
from typing import Annotated

from litestar import Controller, get, post
from litestar.di import NamedDependency
from litestar.params import Body, FromQuery, QueryParameter
from msgspec import Meta, Struct

from backend.access.actor import Actor
from backend.campaign import warnings
from backend.campaign.cap_read import LARGEST_BYTES
from backend.campaign.warnings import Taken, WarningKept
from backend.office import Office

MOST_DAYS = 366


class WarningHandedIn(Struct, frozen=True, forbid_unknown_fields=True):
    """One warning as CAP XML, whole."""

    cap: Annotated[str, Meta(min_length=1, max_length=LARGEST_BYTES)]


class Warnings(Controller):
    """预警."""

    path = "/api/warnings"
    tags = ("预警 Warnings",)

    @get("/", summary="预警 Warnings")
    async def known(
        self,
        by: NamedDependency[Actor],
        office: NamedDependency[Office],
        now: NamedDependency[datetime],
        live: FromQuery[bool] = False,
        days: Annotated[int, QueryParameter(ge=1, le=MOST_DAYS)] = 30,
    ) -> list[WarningKept]:
        """当前有效的和近期收到的，新的在前；未被采用的附原因。 What holds and what came lately, newest first; with the reason where it did nothing."""
        async with office.db.connect() as tx:
            return await warnings.list_warnings(tx, office, by, since=now - timedelta(days=days), live_only=live)

    @post("/", summary="提交一条预警 Hand in a warning", status_code=200, request_max_body_size=2 * LARGEST_BYTES)
    async def hand_in(
        self,
        data: Annotated[WarningHandedIn, Body()],
        by: NamedDependency[Actor],
        office: NamedDependency[Office],
        now: NamedDependency[datetime],
    ) -> Taken:
        """CAP 1.0–1.2 的 XML 原文。读不懂的会保留并说明原因；同一条提交两次只算一次。

        The XML of CAP 1.0 to 1.2. What cannot be read is kept with the reason; the same one twice is one.
        """
        return await warnings.take_in(office, data.cap.encode(), source=f"hand:{by.id}", by=by, now=now)
