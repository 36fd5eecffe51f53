"""Everything that can go wrong for a person, as one family.

Raised where the rule is, with a sentence for the person (Chinese first, English second) and a `code` for the
machine. `backend.app` maps it once to an RFC 9457 problem document. Begin at `Refused`.
"""

from __future__ import annotations


class Refused(Exception):
    """A request that cannot be done, said in words.

    zh, en: the sentence the person reads. code: stable, snake_case, for programs.
    status: the HTTP status. extra: further members of the problem document.
    """

    status = 400
    code = "refused"

    def __init__(self, zh: str, en: str, *, code: str | None = None, **extra: object) -> None:
        super().__init__(f"{zh} {en}")
        self.zh, self.en = zh, en
        self.code = code or type(self).code
        self.extra = extra


class Invalid(Refused):
    """What was sent cannot be understood. `field` names the part, `hint` says what would be right."""

    status = 422
    code = "invalid"


class NotSignedIn(Refused):
    """Nobody, or somebody whose session has ended."""

    status = 401
    code = "not_signed_in"


class NotAllowed(Refused):
    """Known, but not permitted on this object."""

    status = 403
    code = "not_allowed"


class NotFound(Refused):
    """It does not exist, or not for the person who asks."""

    status = 404
    code = "not_found"


class Conflict(Refused):
    """The world has moved on: another was faster, or the stage does not allow it."""

    status = 409
    code = "conflict"


class TooMany(Refused):
    """Slow down; `retry_after_s` says for how long."""

    status = 429
    code = "too_many"


class Unavailable(Refused):
    """A part the request needs is down; nothing was done and it may be sent again."""

    status = 503
    code = "unavailable"
