"""Settings and policy of what is asked over the network, and which addresses a certificate may name."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from agent.config import Settings, TimestampAuthority, load_settings, save_settings
from agent.errors import SettingsDamaged
from agent.policy import Policy, load_policy
from agent.timestamp.networks import may_be_asked, networks
from agent.timestamp.proxies import proxy_for

ONE = TimestampAuthority(url="http://tsa.example/")


def test_what_is_set_is_read_again_as_it_was(tmp_path: Path) -> None:
    settings = Settings(
        timestamp_authorities=(ONE, TimestampAuthority(url="https://b.example", policy="1.2.643.2", digest="sha512")),
        proxy="http://proxy.example:3128",
        certificate_networks=("10.0.0.0/8", "fd00::/8", "192.168.1.7"),
    )
    save_settings(tmp_path / "settings.json", settings)
    assert load_settings(tmp_path / "settings.json") == settings
    assert Settings().timestamp_authorities == ()  # nobody is asked whom the person did not name


@pytest.mark.parametrize(
    "wrong",
    [
        {"timestamp_authorities": [{"url": "ftp://tsa.example"}]},
        {"timestamp_authorities": [{"url": "http://tsa.example", "password": "secret"}]},
        {"timestamp_authorities": [{"url": "http://tsa.example", "policy": "any"}]},
        {"timestamp_authorities": [{}]},
        {"certificate_networks": ["intranet"]},
        {"certificate_networks": ["10.0.0.0/64"]},
    ],
)
def test_settings_and_policy_that_make_no_sense_are_refused(tmp_path: Path, wrong: dict[str, Any]) -> None:
    path = tmp_path / "file.json"
    path.write_text(json.dumps(wrong))
    for load in (load_settings, load_policy):
        with pytest.raises(SettingsDamaged):
            load(path)


def test_an_administrator_decides_in_place_of_the_person() -> None:
    own = Settings(timestamp_authorities=(ONE,), proxy="direct", certificate_networks=("10.0.0.0/8",), language="ru")
    assert Policy().over(own) == own
    locked = Policy(timestamp_authorities=(), proxy="", certificate_networks=())
    assert locked.over(own) == Settings(language="ru")
    assert Policy(timestamp_authorities=(ONE,)).over(Settings()).timestamp_authorities == (ONE,)


PUBLIC = ("8.8.8.8", "2a00:1450:4010:c02::64", "64:ff9b::808:808", "::ffff:8.8.8.8")
OTHERS = (
    "127.0.0.1", "127.8.9.1", "0.0.0.0", "10.1.2.3", "172.16.0.1", "192.168.1.1", "169.254.169.254", "100.64.0.1",
    "224.0.0.1", "240.0.0.1", "255.255.255.255", "192.0.2.1", "::1", "::", "fe80::1", "fe80::1%eth0", "fc00::1",
    "fec0::1", "ff02::1", "::ffff:127.0.0.1", "::127.0.0.1", "64:ff9b::7f00:1", "64:ff9b::a9fe:a9fe", "2002:7f00:1::",
    "64:ff9b:1::1", "2001:db8::1", "", "localhost", "127.1",
)  # fmt: skip


@pytest.mark.parametrize("address", PUBLIC)
def test_public_addresses_may_be_asked(address: str) -> None:
    assert may_be_asked(address, ())


@pytest.mark.parametrize("address", OTHERS)
def test_no_other_address_may_be_asked(address: str) -> None:
    assert not may_be_asked(address, ())


def test_networks_of_the_settings_may_be_asked_and_no_more_than_they() -> None:
    allowed = networks(("10.0.0.0/8", "::1"))
    assert [may_be_asked(one, allowed) for one in ("10.9.9.9", "::ffff:10.1.1.1", "::1", "11.0.0.1", "127.0.0.1")] == [
        True, True, True, True, False,
    ]  # fmt: skip  # 11.0.0.1 is public


@pytest.mark.parametrize(
    ("url", "environment", "proxy"),
    [
        ("http://a.example/", {}, ""),
        ("http://a.example/", {"http_proxy": "http://p:1"}, "http://p:1"),
        ("https://a.example/", {"http_proxy": "http://p:1"}, ""),
        ("https://a.example/", {"HTTPS_PROXY": "http://p:1"}, "http://p:1"),
        ("https://a.example/", {"all_proxy": "http://p:1"}, "http://p:1"),
        ("http://a.example/", {"http_proxy": "http://p:1", "HTTP_PROXY": "http://q:1"}, "http://p:1"),
        ("http://a.example/", {"http_proxy": "http://p:1", "no_proxy": "example"}, ""),
        ("http://a.example:8080/", {"http_proxy": "http://p:1", "NO_PROXY": ".example, b"}, ""),
        ("http://a.example/", {"http_proxy": "http://p:1", "no_proxy": "*"}, ""),
        ("http://anexample/", {"http_proxy": "http://p:1", "no_proxy": "example"}, "http://p:1"),
    ],
)
def test_the_proxy_of_the_environment_is_chosen_as_curl_does(url: str, environment: dict[str, str], proxy: str) -> None:
    assert proxy_for(url, "", environment) == proxy
