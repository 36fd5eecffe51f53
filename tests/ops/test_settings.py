"""Settings are read once, and every fault is told with the variable's name and what would be right."""

from pathlib import Path

import pytest

from backend.clock import ScaledClock, SystemClock
from backend.errors import Invalid
from backend.notify.offered import Offered, fresh_key
from backend.settings import NAMES, SETTINGS, Settings
from ops.settings_list import table
from tests.keys import KEYS

GOOD = {
    "RESCUE_DATABASE_URL": "postgresql://rescue@/rescue?host=/tmp/x",
    "RESCUE_REDIS_URL": "unix:///tmp/x/valkey.sock?db=0",
    "RESCUE_SECRET_KEY": "fN3vQ8xT2mL7cR5wZ1kB9hY4pD6sJ0aG",
    "RESCUE_PERSONAL_KEYS": KEYS,
}


def test_four_settings_are_enough() -> None:
    settings = Settings.from_environment(GOOD)
    assert (settings.host, settings.port, settings.allowed_origins) == ("127.0.0.1", 8080, ())
    assert settings.city_folder.name == "dalian"
    assert isinstance(settings.clock, SystemClock)


def test_all_of_them_are_read() -> None:
    settings = Settings.from_environment(
        GOOD
        | {
            "RESCUE_DATABASE_URL": "postgresql+asyncpg://u:p@db.example.cn:5432/rescue",
            "RESCUE_CITY": "/srv/cities/anshan",
            "RESCUE_DATA": "/srv/photos",
            "RESCUE_HOST": "0.0.0.0",
            "RESCUE_PORT": "80",
            "RESCUE_LOG_LEVEL": "DEBUG",
            "RESCUE_ALLOWED_ORIGINS": "https://a.cn, https://b.cn:8443",
            "RESCUE_CLOCK": "2016-09-19T00:00:00+08:00@60",
            "RESCUE_TRUSTED_PROXIES": "127.0.0.1, 10.20.0.0/16",
            "RESCUE_STOP_NOTICE_S": "10",
            "RESCUE_STOP_WITHIN_S": "20",
            "RESCUE_WORKER_METRICS_PORT": "9101",
            "RESCUE_WEB_PUSH_KEY": fresh_key(),
            "RESCUE_WEB_PUSH_CONTACT": "https://rescue.example.cn",
            "RESCUE_PUSH_NETWORKS": "10.20.0.0/16",
            "RESCUE_FCM_ACCOUNT": "/etc/rescue/fcm.json",
            "RESCUE_JPUSH": "app:master",
            "RESCUE_SMS_URL": "https://sms.example.cn/send",
            "RESCUE_SMS_SECRET": "q" * 8 + "wertyuiopasdfghjklzxcvbnm",
        }
    )
    assert Offered.of(settings).kinds == ["web_push", "fcm", "jpush"]
    assert (settings.jpush, settings.sms_url) == (("app", "master"), "https://sms.example.cn/send")
    assert [str(network) for network in settings.trusted_proxies] == ["127.0.0.1/32", "10.20.0.0/16"]
    assert (settings.stop_notice_s, settings.stop_within_s, settings.worker_metrics_port) == (10, 20, 9101)
    assert settings.database_url == "postgresql://u:p@db.example.cn:5432/rescue"
    assert settings.sqlalchemy_url == "postgresql+asyncpg://u:p@db.example.cn:5432/rescue"
    assert (settings.city_folder, settings.data_folder) == (Path("/srv/cities/anshan"), Path("/srv/photos"))
    assert (settings.port, settings.log_level) == (80, "debug")
    assert settings.allowed_origins == ("https://a.cn", "https://b.cn:8443")
    assert isinstance(settings.clock, ScaledClock)


@pytest.mark.parametrize(
    ("name", "wrong"),
    [
        ("RESCUE_DATABASE_URL", "mysql://u@h/x"),
        ("RESCUE_DATABASE_URL", "postgresql://u@h"),
        ("RESCUE_DATABASE_URL", ""),
        ("RESCUE_REDIS_URL", "redis:6379"),
        ("RESCUE_SECRET_KEY", "short"),
        ("RESCUE_SECRET_KEY", "a" * 64),
        ("RESCUE_SECRET_KEY", "change-me-to-something-of-32-characters-or-more"),
        ("RESCUE_TRUSTED_PROXIES", "everybody"),
        ("RESCUE_STOP_NOTICE_S", "-1"),
        ("RESCUE_STOP_WITHIN_S", "a minute"),
        ("RESCUE_WORKER_METRICS_PORT", "70000"),
        ("RESCUE_WEB_PUSH_KEY", "c2hvcnQ"),
        ("RESCUE_WEB_PUSH_KEY", "A" * 43),
        ("RESCUE_WEB_PUSH_KEY", "密钥"),
        ("RESCUE_WEB_PUSH_CONTACT", "somebody"),
        ("RESCUE_WEB_PUSH_CONTACT", "mailto:somebody"),
        ("RESCUE_PUSH_NETWORKS", "everywhere"),
        ("RESCUE_JPUSH", "app"),
        ("RESCUE_SMS_URL", "ftp://sms.example.cn"),
        ("RESCUE_SMS_SECRET", "short"),
        ("RESCUE_PERSONAL_KEYS", "first:c2hvcnQ="),
        ("RESCUE_PERSONAL_KEYS", KEYS.partition(":")[2]),
        ("RESCUE_PERSONAL_KEYS", f"{KEYS},{KEYS}"),
        ("RESCUE_HOST", "http://0.0.0.0"),
        ("RESCUE_PORT", "eighty"),
        ("RESCUE_PORT", "70000"),
        ("RESCUE_LOG_LEVEL", "loud"),
        ("RESCUE_ALLOWED_ORIGINS", "https://a.cn/path"),
        ("RESCUE_ALLOWED_ORIGINS", "*"),
        ("RESCUE_CLOCK", "60x"),
    ],
)
def test_a_wrong_setting_is_named_with_what_would_be_right(name: str, wrong: str) -> None:
    with pytest.raises(Invalid) as caught:
        Settings.from_environment(GOOD | {name: wrong})
    setting = next(setting for setting in SETTINGS if setting.name == name)
    assert name in caught.value.zh
    assert setting.right_zh in caught.value.zh
    assert name in caught.value.en
    assert setting.right_en in caught.value.en
    assert caught.value.extra["field"] == name


def test_all_faults_are_told_at_once() -> None:
    with pytest.raises(Invalid) as caught:
        Settings.from_environment({"RESCUE_PORT": "x", "RESCUE_LOG_LEVEL": "y"})
    for name in ("RESCUE_DATABASE_URL", "RESCUE_REDIS_URL", "RESCUE_SECRET_KEY", "RESCUE_PERSONAL_KEYS", "RESCUE_PORT"):
        assert name in caught.value.en


@pytest.mark.parametrize("name", [setting.name for setting in SETTINGS if setting.secret])
def test_what_a_secret_setting_was_set_to_is_not_repeated(name: str) -> None:
    with pytest.raises(Invalid) as caught:
        Settings.from_environment(GOOD | {name: "pa55word"})
    assert "pa55word" not in str(caught.value)


def test_a_misspelt_setting_is_not_silently_ignored() -> None:
    with pytest.raises(Invalid, match="RESCUE_DATABASE_URL"):
        Settings.from_environment(GOOD | {"RESCUE_DATABSE_URL": "postgresql://h/x"})


def test_the_list_for_the_documentation_has_every_setting_and_every_field() -> None:
    assert all(f"`{name}`" in table() for name in NAMES)
    assert {setting.field for setting in SETTINGS} == set(Settings.__struct_fields__)
