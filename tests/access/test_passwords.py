"""Passwords are hard to guess, cheap to nobody, and never block the others."""

import asyncio

import pytest
from argon2 import PasswordHasher, extract_parameters

from backend.access import passwords
from backend.errors import Invalid


async def test_a_password_fits_its_hash_and_no_other() -> None:
    stored = await passwords.hash_password("一二三四五六七八九十")
    assert stored.startswith("$argon2id$")
    assert (await passwords.check(stored, "一二三四五六七八九十")).fits
    assert not (await passwords.check(stored, "一二三四五六七八九九")).fits


@pytest.mark.parametrize("password", ["", "123456789", "x" * 257])
async def test_a_password_of_the_wrong_length_is_refused_in_both_languages(password: str) -> None:
    with pytest.raises(Invalid, match=r"密码至少 10 个字符.*at least 10") as refused:
        await passwords.hash_password(password)
    assert refused.value.extra["field"] == "password"


async def test_a_password_typed_in_full_width_letters_is_the_same_password() -> None:
    stored = await passwords.hash_password("password-1234")
    assert (await passwords.check(stored, "ｐａｓｓｗｏｒｄ-１２３４")).fits


async def test_an_old_hash_is_made_anew_when_it_fits() -> None:
    old = PasswordHasher(time_cost=1, memory_cost=1024).hash("correct horse")
    verdict = await passwords.check(old, "correct horse")
    assert verdict.fits
    assert verdict.better_hash is not None
    assert (await passwords.check(verdict.better_hash, "correct horse")).better_hash is None
    assert (await passwords.check(old, "wrong horse!")).better_hash is None


@pytest.mark.parametrize("stored", [None, "", "$argon2id$broken", "plain text"])
async def test_without_a_usable_hash_nothing_fits(stored: str | None) -> None:
    assert not (await passwords.check(stored, "nobody has this password")).fits


async def test_an_unknown_login_is_checked_against_a_hash_that_costs_as_much() -> None:
    stored = await passwords.hash_password("correct horse")
    nobodys = passwords._nobodys_hash(passwords._hasher)
    assert extract_parameters(nobodys) == extract_parameters(stored)
    assert await passwords.check(None, "nobody has this password") == passwords.Verdict(fits=False)


async def test_hashing_leaves_the_loop_to_others() -> None:
    turns = 0

    async def count() -> None:
        nonlocal turns
        while True:
            turns += 1
            await asyncio.sleep(0.001)

    counting = asyncio.create_task(count())
    await asyncio.gather(*(passwords.hash_password("correct horse") for _ in range(4)))
    counting.cancel()
    assert turns > 10
