"""The system's registry of modules, and what policy says of them."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from agent.errors import SettingsDamaged
from agent.policy import PolicyModule, load_policy
from agent.tokens import registry
from agent.tokens.vendors import find_modules, has_readers, is_refused


@pytest.fixture
def folders(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, Path]:
    """Empty folders in the places of the packages', the system's and the person's."""
    made = {name: tmp_path / name for name in ("packages", "system", "config/pkcs11/modules")}
    for folder in made.values():
        folder.mkdir(parents=True)
    monkeypatch.setattr(registry, "PACKAGES", made["packages"])
    monkeypatch.setattr(registry, "SYSTEM", made["system"])
    return {"packages": made["packages"], "system": made["system"], "own": made["config/pkcs11/modules"]}


def registered(tmp_path: Path) -> tuple[str, ...]:
    return registry.registered("linux", {"XDG_CONFIG_HOME": str(tmp_path / "config")})


def test_modules_of_all_three_folders_are_read_in_the_order_of_their_files(
    folders: dict[str, Path], tmp_path: Path
) -> None:
    (folders["packages"] / "b.module").write_text("# a comment\n\nmodule: /opt/b.so\ncritical: no\n")
    (folders["system"] / "jcpkcs11.module").write_text("  module :/opt/libjcPKCS11-2.so  \n")
    (folders["own"] / "a.module").write_text("priority: 3\nmodule: /opt/a.so")
    assert registered(tmp_path) == ("/opt/a.so", "/opt/b.so", "/opt/libjcPKCS11-2.so")


def test_the_persons_file_replaces_the_systems(folders: dict[str, Path], tmp_path: Path) -> None:
    (folders["system"] / "a.module").write_text("module: /opt/system.so")
    (folders["own"] / "a.module").write_text("module: /opt/own.so")
    assert registered(tmp_path) == ("/opt/own.so",)


def test_the_folder_of_the_person_is_found_by_home_too(folders: dict[str, Path], tmp_path: Path) -> None:
    own = tmp_path / "home" / ".config" / "pkcs11" / "modules"
    own.mkdir(parents=True)
    (own / "a.module").write_text("module: /opt/own.so")
    assert registry.registered("linux", {"HOME": str(tmp_path / "home")}) == ("/opt/own.so",)


@pytest.mark.parametrize(
    "text",
    [
        "module: p11-kit-trust.so\ntrust-policy: yes\n", "remote: |ssh host p11-kit remote /x.so\n", "module:\n", "",
        "# module: /opt/a.so\n", "module: ../a.so\n", "module: /opt/a\0.so\n", "\xff\xfe",
    ],
)  # fmt: skip
def test_what_is_no_module_of_a_token_is_left_out(folders: dict[str, Path], tmp_path: Path, text: str) -> None:
    (folders["system"] / "a.module").write_text(text, encoding="latin-1")
    (folders["system"] / "b.txt").write_text("module: /opt/b.so")
    assert registered(tmp_path) == ()


def test_a_name_without_a_folder_is_looked_for_where_distributions_put_modules(
    folders: dict[str, Path], tmp_path: Path
) -> None:
    (folders["system"] / "a.module").write_text("module: opensc-pkcs11.so")
    assert "/usr/lib64/pkcs11/opensc-pkcs11.so" in registered(tmp_path)
    assert all(path.endswith("/opensc-pkcs11.so") for path in registered(tmp_path))


def test_unreadable_entries_hide_no_others(folders: dict[str, Path], tmp_path: Path) -> None:
    (folders["system"] / "a.module").mkdir()
    (folders["system"] / "b.module").symlink_to("/nowhere")
    (folders["system"] / "c.module").write_text("module: /opt/c.so")
    assert registered(tmp_path) == ("/opt/c.so",)


def test_registered_modules_are_found_where_no_row_knows_their_vendor(folders: dict[str, Path], tmp_path: Path) -> None:
    (folders["system"] / "a.module").write_text("module: /opt/unknown/libnew.so")
    (folders["system"] / "b.module").write_text("module: /usr/lib/p11-kit-proxy.so")
    (folders["system"] / "c.module").write_text("module: /elsewhere/opensc-pkcs11.so")
    (folders["system"] / "d.module").write_text("module: /missing/libnew2.so")
    known = "/usr/lib/opensc-pkcs11.so"
    found = find_modules(
        [], lambda path: path == known or not path.startswith(("/usr", "/missing")), platform="linux",
        environment={"XDG_CONFIG_HOME": str(tmp_path / "config")},
    )  # fmt: skip
    assert known in found
    assert "/opt/unknown/libnew.so" in found
    assert not {"/usr/lib/p11-kit-proxy.so", "/elsewhere/opensc-pkcs11.so", "/missing/libnew2.so"} & set(found)


def test_a_file_with_two_names_is_one_module(tmp_path: Path) -> None:
    (tmp_path / "real.so").write_bytes(b"")
    for name in ("one.so", "two.so"):
        (tmp_path / name).symlink_to("real.so")
    names = [str(tmp_path / name) for name in ("one.so", "two.so", "real.so")]
    found = find_modules(names, lambda _: False)
    assert found == (names[0],)


def test_a_link_to_a_module_that_hides_others_is_refused(tmp_path: Path) -> None:
    (tmp_path / "p11-kit-proxy.so").write_bytes(b"")
    (tmp_path / "innocent.so").symlink_to("p11-kit-proxy.so")
    assert is_refused(str(tmp_path / "innocent.so"))


def test_vendors_without_readers_are_known() -> None:
    assert has_readers("/opt/anywhere/librtpkcs11ecp.so")
    assert not has_readers("/opt/anywhere/libsofthsm2.so")
    assert not has_readers("/opt/anywhere/libunknown.so")


def test_a_policy_names_modules_by_path_and_digest(tmp_path: Path) -> None:
    file = tmp_path / "policy.json"
    modules = [{"path": str(tmp_path / "a.so"), "sha256": "aB" * 32}, {"path": "/opt/b.so"}]
    file.write_text(json.dumps({"modules": modules, "only_listed_modules": True}))
    (tmp_path / "a.so").write_bytes(b"")
    (tmp_path / "link.so").symlink_to("a.so")
    policy = load_policy(file)
    assert policy.only_listed_modules
    assert policy.module(str(tmp_path / "link.so")) == PolicyModule(str(tmp_path / "a.so"), "aB" * 32)
    assert policy.module("/opt/b.so") == PolicyModule("/opt/b.so")
    assert policy.module("/opt/c.so") is None


@pytest.mark.parametrize("digest", ["12", "g" * 64, "a" * 65])
def test_a_digest_that_is_none_damages_the_policy(tmp_path: Path, digest: str) -> None:
    modules = [{"path": "/opt/a.so", "sha256": digest}]
    (tmp_path / "policy.json").write_text(json.dumps({"modules": modules}))
    with pytest.raises(SettingsDamaged):
        load_policy(tmp_path / "policy.json")
