"""The register of people: registering, describing, identifying, and deciding whether two records are one person."""

import asyncio
from datetime import datetime
from typing import Annotated
from uuid import UUID

from litestar import Controller, Response, get, post
from litestar.datastructures import UploadFile
from litestar.di import NamedDependency
from litestar.params import FromPath, FromQuery, JSONBody, MultipartBody
from msgspec import UNSET, Meta, Struct, UnsetType

from backend.access.actor import Actor
from backend.cursor import decode_cursor, encode_cursor
from backend.intake.looks import AgeBand, Sex
from backend.intake.photo_rows import KeptPhoto, read_photo
from backend.intake.photo_store import PhotoStore
from backend.office import Office
from backend.referral.people import case_people, person_file, person_photos, person_search, register, sameness
from backend.referral.people.person import NOBODY, Identity, IdentitySource, ToldOf
from backend.referral.people.person_file import PAGE, PersonFile, PersonPage
from backend.referral.people.person_search import PeopleWanted, PersonFound
from backend.referral.people.register import Description, MetIn, NewPerson
from backend.referral.people.register_rows import Done
from backend.referral.privacy import subject_access
from backend.referral.privacy.subject import AccessReason, AccessWanted, GivenTo, SubjectFile
from backend.referral.privacy.subject_sheet import as_pdf
from backend.web import CommandBody, Empty, command

LARGEST_PHOTO_BODY_BYTES = 32_000_000


class Register(CommandBody, frozen=True, kw_only=True):
    """Somebody met in a case. Nothing of it need be known. source: how an identity that is given became known."""

    case_id: UUID
    handling_id: UUID | None = None
    sex: Sex = "unknown"
    age_band: AgeBand = "unknown"
    told: ToldOf = ToldOf()
    identity: Identity = NOBODY
    source: IdentitySource | None = None


class AskAccess(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """To whom it is given, and why. relation_checked: a guardian has proved to be one."""

    given_to: GivenTo
    reason: AccessReason
    relation_checked: bool = False

    def wanted(self) -> AccessWanted:
        return AccessWanted(given_to=self.given_to, reason=self.reason, relation_checked=self.relation_checked)


class Describe(CommandBody, frozen=True, kw_only=True, omit_defaults=True):
    """What is to be told otherwise; `told` is told anew as a whole."""

    sex: Sex | UnsetType = UNSET
    age_band: AgeBand | UnsetType = UNSET
    told: ToldOf | UnsetType = UNSET
    is_listed: bool | UnsetType = UNSET


class Identify(CommandBody, frozen=True, kw_only=True):
    """Who somebody is, and how it became known."""

    identity: Identity
    source: IdentitySource


class Other(CommandBody, frozen=True, kw_only=True):
    """The other record."""

    other_id: UUID


class OfCase(CommandBody, frozen=True, kw_only=True):
    """Which case."""

    case_id: UUID


class Family(CommandBody, frozen=True, kw_only=True):
    """Those of a case who belong together; one alone belongs to nobody."""

    case_id: UUID
    person_ids: Annotated[list[UUID], Meta(min_length=1, max_length=50)]


class PersonPhotoForm(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A photo, and the client's id for it."""

    photo: UploadFile
    id: UUID


class Persons(Controller):
    """受助人员登记."""

    path = "/api/persons"
    tags = ("受助人员 People",)

    @get("/", summary="受助人员登记 The register")
    async def known(
        self,
        by: NamedDependency[Actor],
        office: NamedDependency[Office],
        case_id: FromQuery[UUID | None] = None,
        identified: FromQuery[bool | None] = None,
        listed: FromQuery[bool | None] = None,
        suggested: FromQuery[bool | None] = None,
        cursor: FromQuery[str | None] = None,
    ) -> PersonPage:
        """新登记在前，不含姓名和描述。listed：是否在重点人员名单上；suggested：是否有待判断的疑似重复。

        Newest first, without names or descriptions. listed: on the list of vulnerable people; suggested: another may be the same.
        """
        before = decode_cursor(cursor) if cursor else None
        async with office.db.connect() as tx:
            found = await person_file.list_people(
                tx,
                office,
                by,
                case_id=case_id,
                identified=identified,
                listed=listed,
                suggested=suggested,
                before=before,
            )
            photos, waiting = await person_search.counted(tx, office, [one.id for one in found])
        more = encode_cursor(found[-1].created_at, found[-1].id) if len(found) == PAGE else None
        return PersonPage(found, more, photos, waiting)

    @post("/", summary="登记受助人员 Register somebody")
    async def add(
        self,
        data: JSONBody[Register],
        by: NamedDependency[Actor],
        office: NamedDependency[Office],
        now: NamedDependency[datetime],
    ) -> Done:
        """身份不明也登记：体貌、特征、口音。可能是同一人的登记会提示，由人决定。

        An unknown person is registered too: looks, marks, accent. Records that may be the same are suggested; a person decides.
        """
        new = NewPerson(**{name: getattr(data, name) for name in NewPerson.__struct_fields__})
        met = MetIn(case_id=data.case_id, handling_id=data.handling_id)
        return await register.register_person(office, new, met, command("person.register", data.case_id, data, by, now))

    @post("/search", summary="查找受助人员 Search for somebody", status_code=200)
    async def search(
        self,
        data: JSONBody[PeopleWanted],
        by: NamedDependency[Actor],
        office: NamedDependency[Office],
        now: NamedDependency[datetime],
    ) -> list[PersonFound]:
        """姓名、证件须完全相同并写明理由；体貌按描述、特征、口音查。每次查找都记入日志，不含所查内容。

        A name or a document exactly, and why; looks by description, marks, accent. Every search is logged, without what was asked for.
        """
        return await person_search.find_people(office, data, by=by, now=now)

    @post("/families", summary="标明一家人 Say who belongs together", status_code=200)
    async def family(
        self,
        data: JSONBody[Family],
        by: NamedDependency[Actor],
        office: NamedDependency[Office],
        now: NamedDependency[datetime],
    ) -> Done:
        """一家人不分开安置。 Families are kept together."""
        wanted = command("person.family", data.case_id, data, by, now)
        return await case_people.set_family(office, data.case_id, data.person_ids, wanted)

    @get("/{person_id:uuid}", summary="一位受助人员 One person")
    async def one(
        self,
        person_id: FromPath[UUID],
        by: NamedDependency[Actor],
        office: NamedDependency[Office],
        now: NamedDependency[datetime],
    ) -> PersonFile:
        """每次查看都记入日志；身份只给有权的人。 Every look is written to the log; the identity only for who may see it."""
        return await person_file.open_file(office, person_id, by=by, now=now)

    @post("/{person_id:uuid}/subject-access", summary="本人查阅个人信息 What is kept on a person", status_code=200)
    async def subject_access(
        self,
        person_id: FromPath[UUID],
        data: JSONBody[AskAccess],
        by: NamedDependency[Actor],
        office: NamedDependency[Office],
        now: NamedDependency[datetime],
    ) -> SubjectFile:
        """本人或监护人要求查阅、复制时提供；含全部合并登记和查看记录，不含他人信息；记入日志。疑似受侵害的不提供给监护人。

        For the person or their guardian: everything under all their records, and who looked; nothing of others. Written to the log. Where
        harm is suspected nothing is given to a guardian.
        """
        return await subject_access.give(office, person_id, data.wanted(), by=by, now=now)

    @post(
        "/{person_id:uuid}/subject-access/pdf",
        summary="本人查阅个人信息，打印 What is kept on a person, on paper",
        status_code=200,
        media_type="application/pdf",
    )
    async def subject_access_on_paper(
        self,
        person_id: FromPath[UUID],
        data: JSONBody[AskAccess],
        by: NamedDependency[Actor],
        office: NamedDependency[Office],
        now: NamedDependency[datetime],
    ) -> Response[bytes]:
        """同一内容的中文打印件，不留存。 The same to read on paper, in Chinese; it is kept nowhere."""
        file = await subject_access.give(office, person_id, data.wanted(), by=by, now=now, form="pdf")
        headers = {"Cache-Control": "private, no-store", "Content-Disposition": 'inline; filename="subject-access.pdf"'}
        return Response(await as_pdf(file, office.city), media_type="application/pdf", headers=headers)

    @post("/{person_id:uuid}/describe", summary="补充描述 Describe", status_code=200)
    async def describe(
        self,
        person_id: FromPath[UUID],
        data: JSONBody[Describe],
        by: NamedDependency[Actor],
        office: NamedDependency[Office],
        now: NamedDependency[datetime],
    ) -> Done:
        """只写要改的项；told 整体替换。 Only what differs; `told` as a whole."""
        told = Description(**{name: getattr(data, name) for name in Description.__struct_fields__})
        return await register.describe_person(
            office, person_id, told, command("person.describe", person_id, data, by, now)
        )

    @post("/{person_id:uuid}/identify", summary="查明身份 Identify", status_code=200)
    async def identify(
        self,
        person_id: FromPath[UUID],
        data: JSONBody[Identify],
        by: NamedDependency[Actor],
        office: NamedDependency[Office],
        now: NamedDependency[datetime],
    ) -> Done:
        """居民身份证号会核对校验位。 A resident's number is checked."""
        wanted = command("person.identify", person_id, data, by, now)
        return await register.identify_person(office, person_id, data.identity, data.source, wanted)

    @post("/{person_id:uuid}/withdraw-identity", summary="撤回身份 It was somebody else", status_code=200)
    async def withdraw(
        self,
        person_id: FromPath[UUID],
        data: JSONBody[Empty],
        by: NamedDependency[Actor],
        office: NamedDependency[Office],
        now: NamedDependency[datetime],
    ) -> Done:
        """登记回到身份不明，时限照原来的起点计算。 Unknown again; deadlines run from where they began."""
        wanted = command("person.withdraw_identity", person_id, data, by, now)
        return await register.withdraw_identity(office, person_id, wanted)

    @post("/{person_id:uuid}/merge", summary="是同一人 The same person", status_code=200)
    async def merge(
        self,
        person_id: FromPath[UUID],
        data: JSONBody[Other],
        by: NamedDependency[Actor],
        office: NamedDependency[Office],
        now: NamedDependency[datetime],
    ) -> Done:
        """并入 other_id 那一份；可撤销。 Into the record `other_id`; can be taken back."""
        wanted = command("person.merge", person_id, data, by, now)
        return await sameness.merge_people(office, person_id, data.other_id, wanted)

    @post("/{person_id:uuid}/unmerge", summary="撤销合并 Not the same after all", status_code=200)
    async def unmerge(
        self,
        person_id: FromPath[UUID],
        data: JSONBody[Empty],
        by: NamedDependency[Actor],
        office: NamedDependency[Office],
        now: NamedDependency[datetime],
    ) -> Done:
        """两份登记都回到合并之前。 Both records are as they were before."""
        return await sameness.unmerge_person(office, person_id, command("person.unmerge", person_id, data, by, now))

    @post("/{person_id:uuid}/keep-apart", summary="不是同一人 Two people", status_code=200)
    async def apart(
        self,
        person_id: FromPath[UUID],
        data: JSONBody[Other],
        by: NamedDependency[Actor],
        office: NamedDependency[Office],
        now: NamedDependency[datetime],
    ) -> Done:
        """不再提示。 Not suggested again."""
        wanted = command("person.keep_apart", person_id, data, by, now)
        return await sameness.keep_apart(office, person_id, data.other_id, wanted)

    @post("/{person_id:uuid}/link", summary="关联案卷 Link to a case", status_code=200)
    async def link(
        self,
        person_id: FromPath[UUID],
        data: JSONBody[OfCase],
        by: NamedDependency[Actor],
        office: NamedDependency[Office],
        now: NamedDependency[datetime],
    ) -> Done:
        """已登记的人再次出现在另一案卷。 Somebody known, met again in another case."""
        wanted = command("person.link", person_id, data, by, now)
        return await case_people.link_person(office, person_id, data.case_id, wanted)

    @post("/{person_id:uuid}/unlink", summary="取消关联 Unlink from a case", status_code=200)
    async def unlink(
        self,
        person_id: FromPath[UUID],
        data: JSONBody[OfCase],
        by: NamedDependency[Actor],
        office: NamedDependency[Office],
        now: NamedDependency[datetime],
    ) -> Done:
        """认错了人。 It was somebody else."""
        wanted = command("person.unlink", person_id, data, by, now)
        return await case_people.unlink_person(office, person_id, data.case_id, wanted)

    @post(
        "/{person_id:uuid}/photos",
        summary="人员照片 A photo of a person",
        request_max_body_size=LARGEST_PHOTO_BODY_BYTES,
    )
    async def photo(
        self,
        person_id: FromPath[UUID],
        data: MultipartBody[PersonPhotoForm],
        by: NamedDependency[Actor],
        office: NamedDependency[Office],
        photos: NamedDependency[PhotoStore],
        now: NamedDependency[datetime],
    ) -> KeptPhoto:
        """表单：photo 文件、id。位置等信息会被删除。 A form; metadata are removed; the same id again is the photo that is there."""
        wanted = command("person.photo", person_id, CommandBody(), by, now)
        content = await data.photo.read()
        return await person_photos.add_person_photo(office, photos, person_id, data.id, content, wanted)

    @get(
        "/{person_id:uuid}/photos/{photo_id:uuid}",
        summary="查看照片 Open a photo of a person",
        media_type="image/jpeg",
    )
    async def open_photo(
        self,
        person_id: FromPath[UUID],
        photo_id: FromPath[UUID],
        by: NamedDependency[Actor],
        office: NamedDependency[Office],
        photos: NamedDependency[PhotoStore],
        now: NamedDependency[datetime],
    ) -> Response[bytes]:
        """每次查看都记入日志。 Every look is written to the log."""
        key, media_type = await person_photos.open_photo(office, person_id, photo_id, by=by, now=now)
        picture = await asyncio.to_thread(read_photo, photos, key)
        return Response(picture, media_type=media_type, headers={"Cache-Control": "private, no-store"})
