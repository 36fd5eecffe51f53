"""Referrals 转介: asked for by a team, a desk or a facility; answered by the receiver, or by a desk for them."""

from datetime import datetime
from typing import Annotated
from uuid import UUID

from litestar import Controller, get, post
from litestar.di import NamedDependency
from litestar.openapi.spec import Example
from litestar.params import Body, FromPath, FromQuery, JSONBody

from backend.access.actor import Actor
from backend.dispatch.change import Answer
from backend.office import Office
from backend.phone_clock import PhoneClock
from backend.referral import answering, offering, reading
from backend.referral.answering import Line, Paper
from backend.referral.asked import Wish
from backend.referral.reading import ReferralShown, ReferralWhole
from backend.web import CommandBody, Empty, WithReason, command


class Refer(CommandBody, frozen=True, kw_only=True):
    """A referral that is asked for."""

    wish: Wish


class AcceptReferral(CommandBody, frozen=True, kw_only=True):
    """They may come. receiver: who said so there, when a desk writes it down for them."""

    receiver: Line | None = None


class HandOverReferral(CommandBody, frozen=True, kw_only=True):
    """What both sides have signed."""

    paper: Paper


REFER_EXAMPLE = Example(
    summary="护送一名老人进站 An old man to a station",
    value={
        "wish": {
            "case_id": "01574091-2f00-7000-8000-000000000001",
            "to_kind": "facility",
            "to_facility": "01574091-2f00-7000-8000-000000000002",
            "people": [{"sex": "male", "age_band": "old", "needs": ["hardly_mobile"], "note": "左腿无力"}],
            "consent": "given",
        }
    },
)


class Referrals(Controller):
    """转介."""

    path = "/api/referrals"
    tags = ("转介 Referrals",)

    @get("/", summary="转介列表 Referrals")
    async def listed(
        self,
        by: NamedDependency[Actor],
        office: NamedDependency[Office],
        open: FromQuery[bool] = False,  # noqa: A002 - the address says so
        case_id: FromQuery[UUID | None] = None,
    ) -> list[ReferralShown]:
        """本人可见的，新的在前；open=true 只列未了结的。不含对人员的描述。 Newest first; without what is said of people."""
        async with office.db.connect() as tx:
            return await reading.list_referrals(tx, office, by, open_only=open, case_id=case_id)

    @get("/{referral_id:uuid}", summary="一项转介的全部内容 One referral, whole")
    async def one(
        self,
        referral_id: FromPath[UUID],
        by: NamedDependency[Actor],
        office: NamedDependency[Office],
        now: NamedDependency[datetime],
    ) -> ReferralWhole:
        """查看会记入日志，十分钟内只记一次。 Reading it is written to the log, once in ten minutes."""
        return await reading.one_referral(office, referral_id, by=by, now=now)

    @post("/", summary="发起转介 Refer")
    async def offer(
        self,
        data: Annotated[Refer, Body(examples=[REFER_EXAMPLE])],
        by: NamedDependency[Actor],
        office: NamedDependency[Office],
        now: NamedDependency[datetime],
        phone: NamedDependency[PhoneClock],
    ) -> Answer:
        """发起即预留床位，接收方在时限内答复，无人答复逐级上报。床位不足、不接收、已在转介中会说明。

        A place is held from now on; the receiver answers in time, or it goes up. What stands against it is said.
        """
        return await offering.offer(
            office, data.wish, command("referral.offer", data.wish.case_id, data, by, now, phone)
        )

    @post("/{referral_id:uuid}/accept", summary="接收 Accept", status_code=200)
    async def accept(
        self,
        referral_id: FromPath[UUID],
        data: JSONBody[AcceptReferral],
        by: NamedDependency[Actor],
        office: NamedDependency[Office],
        now: NamedDependency[datetime],
    ) -> Answer:
        """床位保留至到达；派遣台代答须写明对方是谁。 The place is kept for the way; a desk says who said yes there."""
        wanted = command("referral.accept", referral_id, data, by, now)
        return await answering.accept(office, referral_id, data.receiver, wanted)

    @post("/{referral_id:uuid}/refuse", summary="拒绝 Refuse", status_code=200)
    async def refuse(
        self,
        referral_id: FromPath[UUID],
        data: JSONBody[WithReason],
        by: NamedDependency[Actor],
        office: NamedDependency[Office],
        now: NamedDependency[datetime],
    ) -> Answer:
        """须写明原因；床位立即释放，派遣员立即知道。 With a reason; the place is free, and a desk hears of it at once."""
        return await answering.refuse(
            office, referral_id, data.reason, command("referral.refuse", referral_id, data, by, now)
        )

    @post("/{referral_id:uuid}/withdraw", summary="取消转介 Take back", status_code=200)
    async def withdraw(
        self,
        referral_id: FromPath[UUID],
        data: JSONBody[WithReason],
        by: NamedDependency[Actor],
        office: NamedDependency[Office],
        now: NamedDependency[datetime],
        phone: NamedDependency[PhoneClock],
    ) -> Answer:
        """由发起的一方取消。 By the side that gives."""
        wanted = command("referral.withdraw", referral_id, data, by, now, phone)
        return await answering.withdraw(office, referral_id, data.reason, wanted)

    @post("/{referral_id:uuid}/arrived", summary="已到接收方 Arrived", status_code=200)
    async def arrived(
        self,
        referral_id: FromPath[UUID],
        data: JSONBody[Empty],
        by: NamedDependency[Actor],
        office: NamedDependency[Office],
        now: NamedDependency[datetime],
        phone: NamedDependency[PhoneClock],
    ) -> Answer:
        """双方都可确认；此后须在时限内交接。 Said by either side; from here on the hand-over has its clock."""
        return await answering.arrive(
            office, referral_id, command("referral.arrived", referral_id, data, by, now, phone)
        )

    @post("/{referral_id:uuid}/hand-over", summary="交接签收 Hand over", status_code=200)
    async def hand_over(
        self,
        referral_id: FromPath[UUID],
        data: JSONBody[HandOverReferral],
        by: NamedDependency[Actor],
        office: NamedDependency[Office],
        now: NamedDependency[datetime],
    ) -> Answer:
        """双方签字后由接收方确认；队员的处置反馈指明转介时自动完成。

        By the receiver once both have signed; a crew's record that names the referral does it by itself.
        """
        wanted = command("referral.hand_over", referral_id, data, by, now)
        return await answering.hand_over(office, referral_id, data.paper, wanted)
