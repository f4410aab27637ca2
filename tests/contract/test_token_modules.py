"""Several modules beside each other: one device is one entry, policy is kept, containers of others are named."""

from __future__ import annotations

import hashlib
import shutil
from pathlib import Path

import pytest

from agent.errors import KeyForeign, ModuleForbidden, ModuleUnloadable
from agent.policy import Policy, PolicyModule
from agent.tokens.pool import TokenPool
from tests.harness.asker import asking
from tests.harness.keyfiles import make_identity
from tests.harness.places import opened, verify
from tests.harness.shim import DIGEST, Shim, entry_in, found, sign, sign_well
from tests.harness.softhsm import (
    MODULE,
    PIN,
    SoftHsm,
    add_certificate,
    add_container,
    make_empty_softhsm,
    make_softhsm,
)


@pytest.fixture
def directory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("SOFTHSM2_CONF", str(tmp_path / "softhsm2.conf"))
    return tmp_path


def copy_of(module: str, path: Path) -> str:
    path.parent.mkdir(exist_ok=True)
    return str(shutil.copy(module, path))


# one device, one entry


async def test_a_token_seen_through_three_modules_is_listed_once(shim: Shim, tmp_path: Path) -> None:
    """A copy of SoftHSM's module, another module in front of it, and the module itself."""
    modules = [shim.path, copy_of(MODULE, tmp_path / "copy" / "libsofthsm2.so"), MODULE]
    async with opened(TokenPool(lambda: modules, tmp_path / "key-files")) as pool:
        listing = await pool.listing()
        states = await pool.module_states()
        await sign_well(pool, found(listing, shim.token), shim)
        used = pool.worker_processes()
    assert [token.label for token in listing.tokens] == [shim.token.label]
    assert {entry.token.module for entry in listing.certificates} == {modules[1]}  # SoftHSM's own before a stranger
    assert len({entry.thumbprint for entry in listing.certificates}) == len(listing.certificates) == 2
    assert [(state.path, state.error, [token.label for token in state.tokens]) for state in states] == [
        (module, None, [shim.token.label]) for module in modules
    ]
    assert "C_Sign" not in shim.calls
    assert set(used) == set(modules)


async def test_tokens_that_only_one_of_two_modules_shows_stay(
    shim: Shim, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The module in front sees another folder of tokens than the one itself."""
    other = make_softhsm(tmp_path, "p256", label="another token")
    shim.does("C_GetTokenInfo rv 0xE1")
    async with opened(TokenPool(lambda: [shim.path, MODULE], tmp_path / "key-files")) as pool:
        assert [token.module for token in (await pool.listing()).tokens] == [MODULE]
    shim.behaves()
    monkeypatch.setenv("SOFTHSM2_CONF", str(other.conf))
    async with opened(TokenPool(lambda: [shim.path], tmp_path / "key-files")) as pool:
        assert [token.label for token in (await pool.listing()).tokens] == [other.label]


async def test_the_other_module_is_used_while_the_best_one_is_broken(shim: Shim, tmp_path: Path) -> None:
    bad = copy_of(shim.path, tmp_path / "bad" / "libsofthsm2.so")
    async with opened(TokenPool(lambda: [MODULE, bad], tmp_path / "key-files")) as pool:
        assert found(await pool.listing(), shim.token).token.module == MODULE
    async with opened(TokenPool(lambda: [bad, MODULE], tmp_path / "key-files")) as pool:
        assert found(await pool.listing(), shim.token).token.module == bad
        shim.does("C_FindObjectsInit rv 0x30")
        listing = await pool.listing()
    assert found(listing, shim.token).token.module == MODULE
    assert listing.faults == ()  # the device is there, and its entry works


# what is not loaded


@pytest.mark.parametrize("content", [b"text", b"MZ" + bytes(58) + b"\x40\0\0\0PE\0\0\x64\x86" + bytes(100)])
async def test_a_file_that_is_no_library_of_this_system_is_a_row_and_never_loaded(
    shim: Shim, tmp_path: Path, content: bytes
) -> None:
    (tmp_path / "bad.so").write_bytes(content)
    modules = [str(tmp_path / "bad.so"), shim.path]
    async with opened(TokenPool(lambda: modules, tmp_path / "key-files")) as pool:
        listing = await pool.listing()
    assert [(fault.module, fault.error, fault.facts["reason"]) for fault in listing.faults] == [
        (modules[0], ModuleUnloadable.name, "format")
    ]
    assert len(listing.tokens) == 1


def digest_of(path: str) -> str:
    return hashlib.sha256(Path(path).read_bytes()).hexdigest()


async def test_only_listed_modules_are_loaded_where_policy_says_so(shim: Shim, tmp_path: Path) -> None:
    policy = Policy(modules=(PolicyModule(MODULE, digest_of(MODULE)),), only_listed_modules=True)
    async with opened(TokenPool(lambda: [shim.path], tmp_path / "key-files", policy=policy)) as pool:
        listing = await pool.listing()
        states = {state.path: state for state in await pool.module_states()}
        await sign_well(pool, found(listing, shim.token), shim)
        assert set(pool.worker_processes()) == {MODULE}
    assert [(fault.module, fault.error, fault.facts) for fault in listing.faults] == [
        (shim.path, ModuleForbidden.name, {"module": shim.path, "reason": "not_listed"})
    ]
    assert (states[shim.path].error, states[MODULE].error) == (ModuleForbidden.name, None)
    assert shim.calls == []


async def test_nothing_is_signed_through_a_module_that_policy_forbids(shim: Shim, tmp_path: Path) -> None:
    async with opened(TokenPool(lambda: [shim.path], tmp_path / "key-files")) as pool:
        entry = await entry_in(pool, shim.token)
    pool = TokenPool(lambda: [shim.path], tmp_path / "key-files", policy=Policy(only_listed_modules=True))
    async with opened(pool), asking(PIN) as asker:
        with pytest.raises(ModuleForbidden):
            await sign(pool, entry, asker)
        assert asker.source.descriptor == -1


@pytest.mark.parametrize("only", [False, True])
async def test_a_module_that_was_changed_since_it_was_listed_is_not_loaded(
    shim: Shim, tmp_path: Path, only: bool
) -> None:
    changed = copy_of(shim.path, tmp_path / "changed" / "fault.so")
    policy = Policy(modules=(PolicyModule(changed, digest_of(changed)),), only_listed_modules=only)
    with Path(changed).open("ab") as file:
        file.write(b"\0")
    async with opened(TokenPool(list, tmp_path / "key-files", policy=policy)) as pool:
        listing = await pool.listing()
    assert [(fault.error, fault.facts) for fault in listing.faults] == [
        (ModuleForbidden.name, {"module": changed, "reason": "changed"})
    ]
    assert shim.calls == []


async def test_a_module_that_policy_lists_is_taken_once_by_whatever_name(shim: Shim, tmp_path: Path) -> None:
    link = tmp_path / "link.so"
    link.symlink_to(MODULE)
    policy = Policy(modules=(PolicyModule(MODULE),), only_listed_modules=True)
    async with opened(TokenPool(lambda: [str(link)], tmp_path / "key-files", policy=policy)) as pool:
        states = await pool.module_states()
    assert [(state.path, state.error) for state in states] == [(MODULE, None)]


# containers of other products


async def test_a_container_of_cryptopro_is_named_and_no_pin_is_asked(directory: Path) -> None:
    token = make_empty_softhsm(directory, make_identity("rsa2048"))
    add_container(token, "CryptoPro CSP")
    add_certificate(token, token.identity.der, "01", "signer")
    async with opened(TokenPool(lambda: [MODULE], directory / "key-files")) as pool:
        listing = await pool.listing()
        entry = found(listing, token)
        assert [state.foreign_container for state in listing.tokens] == ["CryptoPro CSP"]
        assert entry.has_key is None
        async with asking(token.pin) as asker:
            with pytest.raises(KeyForeign) as raised:
                await sign(pool, entry, asker)
            await asker.ended.wait()
    assert raised.value.facts == {"token": token.label, "container": "CryptoPro CSP"}
    assert asker.questions == []


async def test_a_key_of_the_tokens_own_beside_a_container_still_signs(directory: Path) -> None:
    token = make_softhsm(directory, "p256")
    add_container(token, "CryptoPro CSP")
    other = make_identity("p256", fresh=True)
    add_certificate(token, other.der, "77", "of the container")
    async with opened(TokenPool(lambda: [MODULE], directory / "key-files")) as pool:
        listing = await pool.listing()
        assert [state.foreign_container for state in listing.tokens] == [""]
        async with asking(token.pin) as asker:
            verify(token.identity, await sign(pool, found(listing, token), asker), DIGEST)
        async with asking(token.pin) as asker:
            with pytest.raises(KeyForeign):
                await sign(pool, found(listing, token._replace(identity=other)), asker)


async def test_data_of_another_application_is_no_container(directory: Path) -> None:
    token = make_empty_softhsm(directory, make_identity("rsa2048"))
    add_container(token, "CryptoPro CSP viewer")
    async with opened(TokenPool(lambda: [MODULE], directory / "key-files")) as pool:
        assert [state.foreign_container for state in (await pool.listing()).tokens] == [""]


async def test_the_module_of_the_containers_product_is_taken_where_it_is_installed(shim: Shim, directory: Path) -> None:
    """Played by a module with the name of CryptoPro's own in front of the token."""
    token: SoftHsm = make_empty_softhsm(directory, make_identity("rsa2048"))
    add_container(token, "CryptoPro CSP")
    add_certificate(token, token.identity.der, "01", "signer")
    own = copy_of(shim.path, directory / "cprocsp" / "libcppkcs11.so")
    async with opened(TokenPool(lambda: [MODULE, own], directory / "key-files")) as pool:
        listing = await pool.listing()
        states = await pool.module_states()
    assert found(listing, token).token.module == own
    assert [state.foreign_container for state in listing.tokens] == [""]
    assert [token.foreign_container for state in states for token in state.tokens] == ["CryptoPro CSP", ""]
