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


@pytest.mark.parametrize("password", ["password123", "1qaz2wsx3edc", "iloveyou1234", "aaaaaaaaaaaa", "13912345678"])
async def test_a_leaked_password_is_refused_with_a_hint(password: str) -> None:
    with pytest.raises(Invalid, match=r"泄露密码表.*leaked") as refused:
        await passwords.hash_password(password)
    assert (refused.value.code, refused.value.extra["field"]) == ("password_known", "password")
    assert "sentence" in str(refused.value.extra["hint"])


@pytest.mark.parametrize(
    "password", ["zhangsan-2024", "Zhang-San!24", "大连大连大连大连大连", "Rescue-Circle", "救助圈救助圈救助圈xx"]
)
async def test_a_password_that_is_little_more_than_a_name_is_refused(password: str) -> None:
    names = ["zhangsan", "zhang", "san", "大连", "救助圈", "rescue", "circle"]
    with pytest.raises(Invalid, match=r"登录名.*login") as refused:
        await passwords.hash_password(password, names=names)
    assert refused.value.code == "password_is_a_name"
    await passwords.hash_password("zhangsan rides to 大连 every winter", names=names)


async def test_a_long_password_is_looked_at_too() -> None:
    await passwords.hash_password("梧桐树下的第三盏路灯 " * 12)
    with pytest.raises(Invalid):
        await passwords.hash_password("a" * 200)
