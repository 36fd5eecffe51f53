"""How an installation is told what to do: environment variables `RESCUE_*`, read once at the start.

Begin at `SETTINGS`, the list of all of them with what each means; `Settings.from_environment` reads them and collects
every fault before it complains, so that one start shows all that is wrong. The command line fills in what the embedded
services know (`ops.local`); nothing here starts or contacts anything.
"""

import base64
import binascii
import logging
from collections.abc import Callable, Mapping
from difflib import get_close_matches
from ipaddress import IPv4Network, IPv6Network, ip_network
from pathlib import Path
from typing import NamedTuple
from urllib.parse import urlsplit

import msgspec
from cryptography.hazmat.primitives.asymmetric import ec

from backend.clock import Clock, parse_clock
from backend.errors import Invalid
from backend.sealing import Ring
from backend.signers import Signers, open_signers

SHORTEST_SECRET = 32
FEWEST_LETTERS = 10
EXAMPLE_WORDS = ("change-me", "change_me", "changeme", "example", "placeholder", "replace-me", "secret-key", "password")
LONGEST_WAIT_S = 600
WEB_PUSH_KEY_BYTES = 32
HERE = Path(__file__).resolve().parent


class Setting(msgspec.Struct, frozen=True):
    """One variable: its field in `Settings`, what it means, what would be right, and what holds when it is not set."""

    name: str
    field: str
    zh: str
    en: str
    right_zh: str
    right_en: str
    read: Callable[[str], object]
    default: str | None = None
    secret: bool = False


class Fault(NamedTuple):
    """What is wrong with one variable, as a sentence that also says what would be right."""

    name: str
    zh: str
    en: str


class Settings(msgspec.Struct, frozen=True, kw_only=True):
    """What one process runs with. Shapes and units stand in `SETTINGS`."""

    database_url: str
    redis_url: str
    secret_key: str
    ring: Ring
    city_folder: Path
    data_folder: Path
    host: str
    port: int
    log_level: str
    allowed_origins: tuple[str, ...]
    webhook_networks: tuple[IPv4Network | IPv6Network, ...]
    clock: Clock
    trusted_proxies: tuple[IPv4Network | IPv6Network, ...] = ()
    stop_notice_s: int = 0
    stop_within_s: int = 10
    worker_metrics_port: int | None = None
    warning_sources: tuple[str, ...] = ()
    signers: Signers = Signers()
    web_push_key: ec.EllipticCurvePrivateKey | None = None
    web_push_contact: str = "mailto:rescue-circle@localhost"
    push_networks: tuple[IPv4Network | IPv6Network, ...] = ()
    fcm_account: Path | None = None
    jpush: tuple[str, str] | None = None
    sms_url: str | None = None
    sms_secret: str | None = None
    tls_folder: Path | None = None
    public_address: str | None = None

    @classmethod
    def from_environment(cls, environment: Mapping[str, str]) -> "Settings":
        """Reads all variables. Raises `Invalid` whose `faults` lists every one that is wrong."""
        values, faults = read(environment)
        if faults:
            zh, en = ("\n".join(sentences) for sentences in zip(*(fault[1:] for fault in faults), strict=True))
            raise Invalid(zh, en, code="bad_settings", field=faults[0][0], faults=faults)
        return cls(**values)  # type: ignore[arg-type]

    @property
    def sqlalchemy_url(self) -> str:
        """`database_url` for SQLAlchemy over asyncpg."""
        return "postgresql+asyncpg://" + self.database_url.split("://", 1)[1]


def _database_url(text: str) -> str:
    parts = urlsplit(text)
    if parts.scheme not in ("postgresql", "postgres", "postgresql+asyncpg") or not parts.path.strip("/"):
        raise ValueError(text)
    return "postgresql://" + text.split("://", 1)[1]


def _redis_url(text: str) -> str:
    parts = urlsplit(text)
    if parts.scheme == "unix" and parts.path:
        return text
    if parts.scheme not in ("redis", "rediss") or not parts.hostname:
        raise ValueError(text)
    return text


def _folder(text: str) -> Path:
    return Path(text).expanduser().resolve()


def city_folder(text: str) -> Path:
    """A folder, or the name of one that comes with the programme."""
    if "/" not in text and (HERE.parent / "cities" / text).is_dir():
        return HERE.parent / "cities" / text
    return _folder(text)


def _host(text: str) -> str:
    if not text or any(letter in text for letter in " /@"):
        raise ValueError(text)
    return text


def _port(text: str) -> int:
    port = int(text)
    if not 1 <= port <= 65_535:
        raise ValueError(text)
    return port


def _log_level(text: str) -> str:
    level = text.lower()
    if level.upper() not in logging.getLevelNamesMapping() or level == "notset":
        raise ValueError(text)
    return level


def _secret(text: str) -> str:
    """Long enough, not one letter over and over, and not the line that an example file shows."""
    is_example = any(word in text.lower() for word in EXAMPLE_WORDS)
    if len(text) < SHORTEST_SECRET or len(set(text)) < FEWEST_LETTERS or is_example:
        raise ValueError("guessable")
    return text


def _seconds(text: str) -> int:
    seconds = int(text)
    if not 0 <= seconds <= LONGEST_WAIT_S:
        raise ValueError(text)
    return seconds


def _port_or_none(text: str) -> int | None:
    return _port(text) if text != "0" else None


def _origins(text: str) -> tuple[str, ...]:
    origins = tuple(origin.strip() for origin in text.split(",") if origin.strip())
    for origin in origins:
        parts = urlsplit(origin)
        if parts.scheme not in ("http", "https") or not parts.hostname or parts.path or parts.query:
            raise ValueError(origin)
    return origins


def _origin_or_none(text: str) -> str | None:
    found = _origins(text)
    if len(found) > 1:
        raise ValueError(text)
    return found[0] if found else None


def _web_push_key(text: str) -> ec.EllipticCurvePrivateKey | None:
    """A private key of P-256: its 32 bytes in base64url, as `rescue push keys` prints it."""
    if not text:
        return None
    try:
        plain = base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
    except binascii.Error:
        raise ValueError("no base64url") from None
    if len(plain) != WEB_PUSH_KEY_BYTES:
        raise ValueError("not the size of a key")
    return ec.derive_private_key(int.from_bytes(plain), ec.SECP256R1())


def _contact(text: str) -> str:
    scheme, _, rest = text.partition(":")
    if (
        scheme not in ("mailto", "https")
        or not rest.strip("/")
        or " " in text
        or (scheme == "mailto" and "@" not in rest)
    ):
        raise ValueError(text)
    return text


def _file_or_none(text: str) -> Path | None:
    return _folder(text) if text else None


def _jpush(text: str) -> tuple[str, str] | None:
    key, colon, secret = text.partition(":")
    if text and not (colon and key and secret):
        raise ValueError("two parts")
    return (key, secret) if text else None


def _url_or_none(text: str) -> str | None:
    parts = urlsplit(text)
    if text and (parts.scheme not in ("https", "http") or not parts.hostname or parts.username):
        raise ValueError(text)
    return text or None


def _secret_or_none(text: str) -> str | None:
    return _secret(text) if text else None


def _sources(text: str) -> tuple[str, ...]:
    sources = tuple(part for part in text.split() if part)
    for source in sources:
        if "://" in source and not (source.startswith(("http://", "https://")) and urlsplit(source).hostname):
            raise ValueError(source)
    return sources


def _signers(text: str) -> Signers:
    return open_signers(_folder(text)) if text else Signers()


def _networks(text: str) -> tuple[IPv4Network | IPv6Network, ...]:
    return tuple(ip_network(part.strip()) for part in text.split(",") if part.strip())


SETTINGS: tuple[Setting, ...] = (
    Setting(
        name="RESCUE_DATABASE_URL",
        field="database_url",
        zh="PostgreSQL 15 及以上且装有 PostGIS 3.3 及以上的数据库",
        en="the database: PostgreSQL 15 or later with PostGIS 3.3 or later",
        right_zh="postgresql://用户:密码@主机:5432/库名；不设置则用内置数据库（先运行 rescue db up 或 rescue demo）",
        right_en="postgresql://user:password@host:5432/name; unset, the embedded one serves "
        "(start it first: rescue db up, or rescue demo)",
        read=_database_url,
        secret=True,
    ),
    Setting(
        name="RESCUE_REDIS_URL",
        field="redis_url",
        zh="Redis 7 或 Valkey：进程间广播、最新位置、限流、一次性票据",
        en="Redis 7 or Valkey: fan-out between processes, latest positions, rate limits, one-time tickets",
        right_zh="redis://主机:6379/0、rediss://… 或 unix:///路径?db=0；不设置则用内置服务（先运行 rescue db up 或 rescue demo）",
        right_en="redis://host:6379/0, rediss://… or unix:///path?db=0; unset, the embedded one serves "
        "(start it first: rescue db up, or rescue demo)",
        read=_redis_url,
        secret=True,
    ),
    Setting(
        name="RESCUE_SECRET_KEY",
        field="secret_key",
        zh="签名会话与对外通知所用的密钥；所有进程相同",
        en="signs sessions and what partners are told; the same for all processes",
        right_zh=f"至少 {SHORTEST_SECRET} 个字符的随机串（不能是示例值），例如 openssl rand -base64 48 的输出",
        right_en=f"at least {SHORTEST_SECRET} random characters and no example's, such as openssl rand -base64 48 prints",
        read=_secret,
        secret=True,
    ),
    Setting(
        name="RESCUE_PERSONAL_KEYS",
        field="ring",
        zh="加密个人信息的密钥，新的在前：第一把加密，其余仅供解密；所有进程相同，另处备份，丢失则个人信息不可恢复",
        en="the keys that seal what is personal, newest first: the first seals, all open; the same for all processes, "
        "kept in a second place too: lost, what is personal is lost with them",
        right_zh="名称:密钥，以逗号分隔，密钥为 32 字节的 base64；rescue privacy key 可生成",
        right_en="name:key, separated by commas, a key being 32 bytes in base64; `rescue privacy key` makes one",
        read=Ring.parse,
        secret=True,
    ),
    Setting(
        name="RESCUE_CITY",
        field="city_folder",
        zh="城市目录：路网、辖区、规则、机构",
        en="the city's folder: roads, regions, policy, facilities",
        right_zh="目录路径，或 cities/ 下的名称，如 dalian",
        right_en="a folder, or a name under cities/ such as dalian",
        read=city_folder,
        default="dalian",
    ),
    Setting(
        name="RESCUE_DATA",
        field="data_folder",
        zh="照片等文件的存放目录；多台机器须共享",
        en="where photos are kept; shared when there are several machines",
        right_zh="可写的目录路径",
        right_en="a folder that can be written",
        read=_folder,
        default=".local/files",
    ),
    Setting(
        name="RESCUE_HOST",
        field="host",
        zh="服务监听的地址",
        en="the address that the server listens on",
        right_zh="127.0.0.1（仅本机）或 0.0.0.0（所有网卡）",
        right_en="127.0.0.1 (this machine only) or 0.0.0.0 (every interface)",
        read=_host,
        default="127.0.0.1",
    ),
    Setting(
        name="RESCUE_PORT",
        field="port",
        zh="服务监听的端口",
        en="the port that the server listens on",
        right_zh="1–65535 的整数",
        right_en="a whole number from 1 to 65535",
        read=_port,
        default="8080",
    ),
    Setting(
        name="RESCUE_LOG_LEVEL",
        field="log_level",
        zh="日志详细程度",
        en="how much is logged",
        right_zh="debug、info、warning、error、critical 之一",
        right_en="one of debug, info, warning, error, critical",
        read=_log_level,
        default="info",
    ),
    Setting(
        name="RESCUE_ALLOWED_ORIGINS",
        field="allowed_origins",
        zh="除本站外，还允许哪些网站来源调用接口和连接实时通道",
        en="which web origins besides its own may call the API and open live sockets",
        right_zh="逗号分隔、不带路径，如 https://rescue.example.cn,https://hotline.example.cn",
        right_en="separated by commas, without a path: https://rescue.example.cn,https://hotline.example.cn",
        read=_origins,
        default="",
    ),
    Setting(
        name="RESCUE_WEBHOOK_NETWORKS",
        field="webhook_networks",
        zh="外部系统的回调地址可以位于哪些内网网段；公网地址总是可以",
        en="private networks that partners' webhooks may live in; public addresses always may",
        right_zh="逗号分隔的网段，如政务外网 59.0.0.0/8,10.20.0.0/16；不设置则只允许公网",
        right_en="networks separated by commas, such as 10.20.0.0/16; unset, public addresses only",
        read=_networks,
        default="",
    ),
    Setting(
        name="RESCUE_CLOCK",
        field="clock",
        zh="用哪个时钟：系统时间，或演示用的加速时间",
        en="which clock: the machine's, or a faster one for a demonstration",
        right_zh="system 或 起点@倍率@锚点，如 2016-09-19T00:00:00+08:00@60@2025-01-01T08:00:00+08:00",
        right_en="system or START@RATE@ANCHOR, such as 2016-09-19T00:00:00+08:00@60@2025-01-01T08:00:00+08:00",
        read=parse_clock,
        default="system",
    ),
    Setting(
        name="RESCUE_TRUSTED_PROXIES",
        field="trusted_proxies",
        zh="哪些反向代理的 X-Forwarded-For 可信；限流按其中的真实来源地址计",
        en="the reverse proxies whose X-Forwarded-For is believed; limits count by the address it names",
        right_zh="逗号分隔的地址或网段，如 127.0.0.1,10.20.0.0/16；不设置则一概不信，只看连接来自哪里",
        right_en="addresses or networks separated by commas, such as 127.0.0.1,10.20.0.0/16; unset, none is believed",
        read=_networks,
        default="",
    ),
    Setting(
        name="RESCUE_STOP_NOTICE_S",
        field="stop_notice_s",
        zh="收到停止信号后，先向负载均衡报告“正在停止”多少秒，期间照常服务",
        en="how long, when told to stop, /health says so to the balancer while everything is still served",
        right_zh=f"0–{LONGEST_WAIT_S} 秒的整数；有负载均衡时应长于它的检查间隔，如 10",
        right_en=f"whole seconds from 0 to {LONGEST_WAIT_S}; behind a balancer longer than its interval of checks, such as 10",
        read=_seconds,
        default="0",
    ),
    Setting(
        name="RESCUE_STOP_WITHIN_S",
        field="stop_within_s",
        zh="停止时最多用多少秒做完手头的请求、推送和任务",
        en="how long work in hand may take when stopping: requests, what sockets still get, messages under way",
        right_zh=f"0–{LONGEST_WAIT_S} 秒的整数",
        right_en=f"whole seconds from 0 to {LONGEST_WAIT_S}",
        read=_seconds,
        default="10",
    ),
    Setting(
        name="RESCUE_WARNING_SOURCES",
        field="warning_sources",
        zh="从哪里读取气象预警（CAP）：Atom、RSS 列表或预警本身，每分钟查看一次",
        en="where warnings (CAP) are read from: lists (Atom, RSS) or warnings themselves, looked at every minute",
        right_zh="以空格分隔的 http(s) 地址、文件或目录；不设置则只接受提交的预警",
        right_en="http(s) addresses, files or folders, separated by spaces; unset, only what is handed in",
        read=_sources,
        default="",
    ),
    Setting(
        name="RESCUE_WARNING_CERTIFICATES",
        field="signers",
        zh="哪些发布单位的预警必须签名，及其证书",
        en="whose warnings have to be signed, and by which certificates",
        right_zh="目录，内有 PEM 证书和 senders.csv（of,certificate,unsigned）；不设置则签名只保留、不核验",
        right_en="a folder with certificates (PEM) and senders.csv (of,certificate,unsigned); unset, signatures are kept and not verified",
        read=_signers,
        default="",
    ),
    Setting(
        name="RESCUE_WORKER_METRICS_PORT",
        field="worker_metrics_port",
        zh="后台进程在 RESCUE_HOST 的哪个端口提供 /metrics；0 表示不提供",
        en="the port on RESCUE_HOST at which a worker answers /metrics; 0: none",
        right_zh="0–65535 的整数，每个后台进程各用一个",
        right_en="a whole number from 0 to 65535, one for each worker of a machine",
        read=_port_or_none,
        default="0",
    ),
    Setting(
        name="RESCUE_WEB_PUSH_KEY",
        field="web_push_key",
        zh="网页推送（VAPID）的私钥；所有进程相同。更换后已登记的浏览器须重新订阅",
        en="the private key of Web Push (VAPID), the same for all processes; changed, every browser has to subscribe anew",
        right_zh="32 字节的 base64url；rescue push keys 可生成；不设置则没有网页推送",
        right_en="32 bytes in base64url; `rescue push keys` makes one; unset, there is no Web Push",
        read=_web_push_key,
        default="",
        secret=True,
    ),
    Setting(
        name="RESCUE_WEB_PUSH_CONTACT",
        field="web_push_contact",
        zh="推送服务商遇到问题时联系谁（VAPID 的 sub）",
        en="whom a push service may write to when something is wrong (the `sub` of VAPID)",
        right_zh="mailto:邮箱 或 https:// 网址；苹果的推送服务不接受 localhost",
        right_en="mailto:address or an https:// address; Apple's push service takes no localhost",
        read=_contact,
        default="mailto:rescue-circle@localhost",
    ),
    Setting(
        name="RESCUE_PUSH_NETWORKS",
        field="push_networks",
        zh="浏览器的推送地址可以位于哪些内网网段；公网地址总是可以",
        en="private networks that browsers' push services may live in; public addresses always may",
        right_zh="逗号分隔的网段，如 10.20.0.0/16；不设置则只允许公网",
        right_en="networks separated by commas, such as 10.20.0.0/16; unset, public addresses only",
        read=_networks,
        default="",
    ),
    Setting(
        name="RESCUE_FCM_ACCOUNT",
        field="fcm_account",
        zh="Firebase 服务账号的 JSON 文件（FCM 推送）",
        en="the JSON file of a Firebase service account (pushes by FCM)",
        right_zh="文件路径，只有本程序可读；不设置则没有 FCM",
        right_en="a file that only this programme can read; unset, there is no FCM",
        read=_file_or_none,
        default="",
    ),
    Setting(
        name="RESCUE_JPUSH",
        field="jpush",
        zh="极光推送的 AppKey 和 Master Secret",
        en="JPush: the AppKey and the Master Secret",
        right_zh="AppKey:MasterSecret；不设置则没有极光推送",
        right_en="AppKey:MasterSecret; unset, there is no JPush",
        read=_jpush,
        default="",
        secret=True,
    ),
    Setting(
        name="RESCUE_SMS_URL",
        field="sms_url",
        zh="短信网关的地址（docs/push.md 说明报文）",
        en="where the SMS gateway is asked (docs/push.md has what it is sent)",
        right_zh="https:// 网址；不设置则不发短信",
        right_en="an https:// address; unset, no SMS is sent",
        read=_url_or_none,
        default="",
    ),
    Setting(
        name="RESCUE_SMS_SECRET",
        field="sms_secret",
        zh="给短信网关报文签名的密钥",
        en="signs what the SMS gateway is sent",
        right_zh=f"至少 {SHORTEST_SECRET} 个字符的随机串（不能是示例值），与网关约定",
        right_en=f"at least {SHORTEST_SECRET} random characters and no example's, agreed with the gateway",
        read=_secret_or_none,
        default="",
        secret=True,
    ),
    Setting(
        name="RESCUE_TLS",
        field="tls_folder",
        zh="接口进程自己提供 HTTPS 所用的证书目录（cert.pem、key.pem）；一般由反向代理负责，演示的 --https 用它",
        en="the folder with cert.pem and key.pem of an API process that speaks HTTPS by itself; usually a proxy does, and rescue demo --https",
        right_zh="一个目录；不设置则为 HTTP",
        right_en="a folder; unset, it is HTTP",
        read=_file_or_none,
        default="",
    ),
    Setting(
        name="RESCUE_PUBLIC_ADDRESS",
        field="public_address",
        zh="群众访问本系统的地址，印在文书的二维码中，供核对真伪",
        en="where the public reaches this system: it stands in the QR code of documents, by which anybody checks them",
        right_zh="不带路径，如 https://rescue.example.cn；不设置则用出具时所访问的地址",
        right_en="without a path: https://rescue.example.cn; unset, the address by which the document was issued",
        read=_origin_or_none,
        default="",
    ),
)

NAMES = frozenset(setting.name for setting in SETTINGS)


def read(environment: Mapping[str, str]) -> tuple[dict[str, object], list[Fault]]:
    """The values by field that can be used, and what is wrong with the others, in the order of `SETTINGS`."""
    values: dict[str, object] = {}
    faults: list[Fault] = []
    for setting in SETTINGS:
        text = environment.get(setting.name, "").strip() or setting.default
        try:
            values[setting.field] = setting.read(text) if text is not None else _missing(setting)
        except ValueError:
            faults.append(_complaint(setting, text))
        except Invalid as told:
            wrong = _complaint(setting, text)
            faults.append(
                wrong if setting.secret else Fault(wrong.name, f"{wrong.zh}{told.zh}", f"{wrong.en} {told.en}")
            )
    faults += [_unknown(name) for name in sorted(environment) if _is_stranger(name)]
    return values, faults


def _missing(setting: Setting) -> object:
    raise ValueError(setting.name)


def _complaint(setting: Setting, text: str | None) -> Fault:
    if text is None:
        return Fault(
            setting.name,
            f"缺少 {setting.name}（{setting.zh}）。应为：{setting.right_zh}。",
            f"{setting.name} is not set ({setting.en}). Right would be: {setting.right_en}.",
        )
    shown_zh, shown_en = ("当前的值", "what it is set to") if setting.secret else (f"“{text}”", f"'{text}'")
    return Fault(
        setting.name,
        f"{setting.name} 不对：{shown_zh}不可用。应为：{setting.right_zh}。",
        f"{setting.name} is wrong: {shown_en} will not do. Right would be: {setting.right_en}.",
    )


def _is_stranger(name: str) -> bool:
    return name.startswith("RESCUE_") and name not in NAMES and not name.startswith("RESCUE_TEST_")


def _unknown(name: str) -> Fault:
    near = get_close_matches(name, NAMES, n=1)
    meant_zh, meant_en = (f"是否想写 {near[0]}？", f" Did you mean {near[0]}?") if near else ("", "")
    return Fault(
        name,
        f"没有名为 {name} 的设置。{meant_zh}全部设置见 rescue settings。",
        f"There is no setting {name}.{meant_en} All of them: rescue settings",
    )
