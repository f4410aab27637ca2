"""Large documents signed with GOST keys; openssl with the gost engine judges them (R6, R11)."""

from __future__ import annotations

import base64
import os
from pathlib import Path

import pytest

from agent.api.methods import sign_file
from agent.api.signature_file import write_signature
from agent.consent.prompter import SigningPrompt
from agent.signing.large import nobody
from tests.harness.gost import Gost
from tests.unit.test_api_uploads import Page
from tests.unit.test_gost_signing import EngineCore

CONTENT = os.urandom(9 << 20)
KINDS = ["gost256-A", "gost512-A"]


@pytest.fixture(scope="module")
def gost(tmp_path_factory: pytest.TempPathFactory) -> Gost:
    return Gost(tmp_path_factory.mktemp("gost"))


@pytest.mark.parametrize("named", [False, True])
@pytest.mark.parametrize("kind", KINDS)
async def test_the_engine_accepts_large_files_detached_and_attached(
    gost: Gost, tmp_path: Path, kind: str, named: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sign_file, "MAX_WHOLE", 1 << 20)
    core = EngineCore(tmp_path, gost, gost.signer(kind))
    path = tmp_path / "large"
    path.write_bytes(CONTENT)
    asked = {"path": str(path), **({"certificate": core.tokens.entries[0].thumbprint} if named else {})}
    detached = (await core.call(core.command(), "sign_file", asked))["result"]
    assert gost.cms_verify(base64.b64decode(detached["signature"]), gost.root(kind), CONTENT).returncode == 0
    prompt = core.person.shown[-1]
    assert isinstance(prompt, SigningPrompt)
    assert prompt.document.digest_algorithm == (f"streebog{kind[4:7]}" if named else "sha256")
    attached = (await core.call(core.command(), "sign_file", {**asked, "attached": True}))["result"]
    await write_signature(tmp_path / "large.p7m", attached, path, False, nobody)
    judged = gost.cms_verify((tmp_path / "large.p7m").read_bytes(), gost.root(kind), None)
    assert (judged.returncode, judged.stdout) == (0, CONTENT), judged.stderr.decode()


@pytest.mark.parametrize("kind", KINDS)
async def test_the_engine_accepts_what_a_page_handed_over(gost: Gost, tmp_path: Path, kind: str) -> None:
    core = EngineCore(tmp_path, gost, gost.signer(kind))
    page = Page(core, core.page())
    upload = await page.hand_over(CONTENT[:1_000_000])
    signed = (await page.call("sign", upload=upload, attached=True))["result"]
    judged = gost.cms_verify(await page.download(signed), gost.root(kind), None)
    core.dispatcher.closed(page.caller)
    assert (judged.returncode, judged.stdout) == (0, CONTENT[:1_000_000]), judged.stderr.decode()
