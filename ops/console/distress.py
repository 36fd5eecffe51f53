"""Crews that call for help, answered at a desk."""

from datetime import datetime
from typing import Annotated
from uuid import UUID

from litestar import Controller, post
from litestar.di import NamedDependency
from litestar.params import FromPath, JSONBody
from msgspec import Meta

from backend.access.actor import Actor
from backend.dispatch import distress
from backend.dispatch.change import Answer
from backend.office import Office
from backend.web import CommandBody, Empty, command


class AnswerCall(CommandBody, frozen=True, kw_only=True):
    """What is done; the crew reads it."""

    note: Annotated[str, Meta(max_length=500)] = ""


class Distress(Controller):
    """求助."""

    path = "/api/distress"
    tags = ("求助 Calls for help",)

    @post("/{distress_id:uuid}/answer", summary="答复求助 Answer a call for help", status_code=200)
    async def answer(
        self,
        distress_id: FromPath[UUID],
        data: JSONBody[AnswerCall],
        by: NamedDependency[Actor],
        office: NamedDependency[Office],
        now: NamedDependency[datetime],
    ) -> Answer:
        """队员在手机上看到答复；不再上报。 The crew reads it on its phone; it climbs no further."""
        wanted = command("distress.answer", distress_id, data, by, now)
        return await distress.answer_call(office, distress_id, data.note, wanted)

    @post("/{distress_id:uuid}/over", summary="求助结束 The crew is safe", status_code=200)
    async def over(
        self,
        distress_id: FromPath[UUID],
        data: JSONBody[Empty],
        by: NamedDependency[Actor],
        office: NamedDependency[Office],
        now: NamedDependency[datetime],
    ) -> Answer:
        """答复之后，队员已安全。 Once answered, when the crew is safe."""
        return await distress.end_call(office, distress_id, command("distress.over", distress_id, data, by, now))
