"""What policy gives and locks: rights to view, sign and manage, and settings that the person cannot change (R18)."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import Any

import msgspec
import pytest

from agent.api.methods import METHODS
from agent.api.rights import FREE, SIGN, VIEW, right_for
from agent.api.settings import lock
from agent.config import Settings, load_settings, save_settings
from agent.errors import SettingsDamaged
from agent.policy import RIGHTS, Policy, Rights, load_policy, this_user
from agent.texts.errors import error_text
from tests.harness.core import Core


def facts(answer: dict[str, Any]) -> tuple[str, dict[str, Any]]:
    data = answer["error"]["data"]
    return data["name"], data["facts"]


def test_without_a_policy_everybody_may_do_everything() -> None:
    assert Policy().rights.of("anybody", ["users"]) == {"view", "sign", "manage"}


def test_a_users_row_counts_before_the_groups_and_groups_before_everybody() -> None:
    rights = Rights(everybody=("view",), users={"ivan": ("sign",)}, groups={"clerks": ("sign",), "admins": ("manage",)})
    assert rights.of("guest", ["users"]) == {"view"}
    assert rights.of("olga", ["users", "clerks"]) == {"view", "sign"}
    assert rights.of("olga", ["admins", "clerks"]) == {"view", "sign", "manage"}
    assert rights.of("ivan", ["admins"]) == {"view", "sign"}


def test_a_user_can_be_given_nothing() -> None:
    assert Rights(users={"ivan": ()}).of("ivan", []) == frozenset()


def test_the_user_and_groups_are_those_the_system_tells() -> None:
    def told(option: str) -> str:
        return subprocess.run(["id", option], check=True, capture_output=True, text=True).stdout.strip()

    name, groups = this_user()
    assert name == told("-un")
    assert sorted(groups) == sorted(told("-Gn").split())


@pytest.mark.parametrize("method", ["certificates", "list_journal"])
async def test_who_may_not_view_sees_nothing(tmp_path: Path, method: str) -> None:
    core = Core(tmp_path)
    core.services.rights = frozenset()
    answer = await core.call(core.command(), method, {})
    assert facts(answer) == ("right_missing", {"right": "view"})


async def test_who_may_only_view_signs_nothing_by_page_or_command(tmp_path: Path) -> None:
    core = Core(tmp_path)
    core.tokens.add("Owner")
    core.services.rights = frozenset({"view"})
    page = await core.call(core.page(), "sign", {"document": {"name": "a.txt", "content": "YQ=="}})
    command = await core.call(core.command(), "sign_file", {"path": str(tmp_path / "a.txt")})
    assert facts(page) == facts(command) == ("right_missing", {"right": "sign"})
    assert core.tokens.signed == 0
    assert "result" in await core.call(core.command(), "certificates", {})


async def test_who_may_not_manage_changes_no_token_and_no_rule(tmp_path: Path) -> None:
    core = Core(tmp_path)
    core.services.rights = frozenset({"view", "sign"})
    for method in ("token_delete", "token_unblock", "token_set_pin", "add_module", "add_key_file", "forget_site"):
        assert facts(await core.call(core.command(), method, {})) == ("right_missing", {"right": "manage"})


async def test_ones_own_pin_can_be_changed_by_whoever_may_sign_and_by_nobody_who_may_only_look(tmp_path: Path) -> None:
    core = Core(tmp_path)
    core.services.rights = frozenset({"view", "sign"})
    assert facts(await core.call(core.command(), "token_change_pin", {}))[0] == "bad_parameters"
    core.services.rights = frozenset({"view"})
    assert facts(await core.call(core.command(), "token_change_pin", {})) == ("right_missing", {"right": "sign"})


@pytest.mark.parametrize(("language", "words"), [("ru", "подписывать"), ("en", "to sign")])
def test_the_right_that_is_missing_is_named_in_the_persons_language(language: str, words: str) -> None:
    assert words in error_text("right_missing", language, {"right": "sign"})
    every = [error_text("right_missing", language, {"right": right}) for right in RIGHTS]
    assert len(set(every)) == len(RIGHTS)


async def test_signing_can_be_paused_by_whoever_has_no_right_at_all(tmp_path: Path) -> None:
    core = Core(tmp_path)
    core.services.rights = frozenset()
    assert (await core.call(core.command(), "pause"))["result"] == {"paused": True}


async def test_a_stranger_learns_of_no_rights(tmp_path: Path) -> None:
    core = Core(tmp_path)
    core.services.rights = frozenset()
    assert facts(await core.call(core.page(allowed=False), "sign", {}))[0] == "not_allowed"


def test_every_row_of_the_table_is_a_method_and_stands_in_it_once() -> None:
    names = {method.name for method in METHODS}
    assert names >= FREE | VIEW | SIGN
    assert not FREE & VIEW
    assert not FREE & SIGN
    assert not VIEW & SIGN
    assert right_for("what_nobody_thought_of") == "manage"


async def test_a_setting_is_changed_at_once_and_written(tmp_path: Path) -> None:
    core = Core(tmp_path)
    heard: list[Settings] = []
    core.services.applied = heard.append
    changed = await core.call(core.command(), "change_setting", {"name": "proxy", "value": "direct"})
    assert changed["result"] == {"changed": "proxy"}
    assert load_settings(core.places.settings).proxy == "direct"
    assert heard[0].proxy == "direct"
    await core.call(core.command(), "change_setting", {"name": "proxy", "value": None})
    assert load_settings(core.places.settings) == Settings()


async def test_the_journal_names_a_setting_and_not_its_value(tmp_path: Path) -> None:
    core = Core(tmp_path)
    value = "http://user:secret-word@proxy.example"
    await core.call(core.command(), "change_setting", {"name": "proxy", "value": value})
    entries = (await core.call(core.command(), "list_journal", {}))["result"]["entries"]
    assert any(entry["kind"] == "change_setting" for entry in entries)
    assert "secret-word" not in json.dumps(entries)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("expiry_days", -1), ("expiry_days", "30"), ("quiet_hours", "25:00-08:00"), ("certificate_networks", ["home"]),
        ("portals", [{"url": "file:///etc/passwd"}]), ("no_such", 1), ("modules", ["/lib/module.so"]),
    ],
)  # fmt: skip
async def test_what_does_not_fit_a_setting_changes_nothing(tmp_path: Path, name: str, value: Any) -> None:
    core = Core(tmp_path)
    answer = await core.call(core.command(), "change_setting", {"name": name, "value": value})
    assert facts(answer)[0] == "setting_invalid"
    assert not core.places.settings.exists()


async def test_what_the_administrator_decided_is_shown_and_cannot_be_changed(tmp_path: Path) -> None:
    core = Core(tmp_path)
    save_settings(core.places.settings, Settings(language="en", proxy="direct"))
    core.services.policy = Policy(proxy="http://proxy.example:3128", locked=("language", "autostart"))
    rows = (await core.call(core.command(), "list_settings"))["result"]["settings"]
    found = {row["name"]: (row["value"], row["locked"]) for row in rows}
    assert found["proxy"] == ("http://proxy.example:3128", "policy")
    assert found["language"] == ("", "policy")
    assert found["autostart"][1] == "policy"
    assert found["expiry_days"] == (30, "")
    for name, value in (("proxy", "direct"), ("language", "ru"), ("autostart", True)):
        answer = await core.call(core.command(), "change_setting", {"name": name, "value": value})
        assert facts(answer) == ("setting_locked", {"setting": name})


async def test_without_the_right_to_manage_only_what_one_sees_and_hears_can_be_set(tmp_path: Path) -> None:
    core = Core(tmp_path)
    core.services.rights = frozenset({"view", "sign"})
    assert "result" in await core.call(core.command(), "change_setting", {"name": "language", "value": "ru"})
    answer = await core.call(core.command(), "change_setting", {"name": "proxy", "value": "direct"})
    assert facts(answer) == ("setting_locked", {"setting": "proxy"})
    assert lock("proxy", Policy(), frozenset({"view"})) == "right"


async def test_settings_that_cannot_be_read_are_kept_and_pero_goes_on_with_its_own(tmp_path: Path) -> None:
    core = Core(tmp_path)
    core.places.settings.write_text("{half a line")
    assert facts(await core.call(core.command(), "list_settings"))[0] == "settings_damaged"
    answer = await core.call(core.command(), "change_setting", {"name": "proxy", "value": "direct"})
    assert facts(answer)[0] == "settings_damaged"
    assert core.places.settings.read_text() == "{half a line"
    kept = Path((await core.call(core.command(), "reset_settings"))["result"]["kept"])
    assert kept.read_text() == "{half a line"
    assert "result" in await core.call(core.command(), "list_settings")


async def test_settings_that_cannot_be_written_stay_as_they_were(tmp_path: Path) -> None:
    core = Core(tmp_path)
    core.places.settings.mkdir()  # nothing can take its place, whoever runs this
    answer = await core.call(core.command(), "change_setting", {"name": "proxy", "value": "direct"})
    assert facts(answer)[0] in ("settings_damaged", "file_unwritable")
    assert core.places.settings.is_dir()


@pytest.mark.parametrize(
    "content",
    [{"rights": {"users": {"ivan": ["rule"]}}}, {"rights": {"somebody": []}}, {"locked": ["no_such_setting"]}],
)
def test_a_policy_with_a_slip_is_never_taken_for_none(tmp_path: Path, content: dict[str, Any]) -> None:
    path = tmp_path / "policy.json"
    path.write_bytes(msgspec.json.encode(content))
    with pytest.raises(SettingsDamaged):
        load_policy(path)
