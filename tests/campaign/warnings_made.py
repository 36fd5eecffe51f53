"""Warnings as senders write them, made here."""

from typing import Any

NAMESPACE = "urn:oasis:names:tc:emergency:cap:1.2"


def an_info(
    event: str = "寒潮",
    headline: str = "大连市气象台发布寒潮蓝色预警信号[IV级/一般]",
    *,
    language: str = "zh-CN",
    area: str = "<geocode><valueName>CPEAS Geographic Code</valueName><value>210200000000</value></geocode>",
    expires: str | None = "2016-12-21T08:00:00+08:00",
    **more: Any,
) -> str:
    """One info block; more: further members by name."""
    further = "".join(f"<{name}>{value}</{name}>" for name, value in more.items())
    until = f"<expires>{expires}</expires>" if expires else ""
    return (
        f"<info><language>{language}</language><category>Met</category><event>{event}</event><urgency>Unknown</urgency>"
        f"<severity>Unknown</severity><certainty>Unknown</certainty>{until}<headline>{headline}</headline>{further}"
        f"<area><areaDesc>大连</areaDesc>{area}</area></info>"
    )


def an_alert(
    *infos: str,
    identifier: str = "21020041600000_20161219180000",
    sender: str = "大连市气象台",
    sent: str = "2016-12-19T18:00:00+08:00",
    status: str = "Actual",
    msg_type: str = "Alert",
    references: str = "",
    namespace: str = NAMESPACE,
    head: str = '<?xml version="1.0" encoding="UTF-8"?>',
) -> bytes:
    """One warning as bytes in UTF-8."""
    told = f"<references>{references}</references>" if references else ""
    text = (
        f'{head}<alert xmlns="{namespace}"><identifier>{identifier}</identifier><sender>{sender}</sender><sent>{sent}</sent>'
        f"<status>{status}</status><msgType>{msg_type}</msgType><scope>Public</scope>{told}{''.join(infos or (an_info(),))}</alert>"
    )
    return text.encode()
