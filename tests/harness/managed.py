"""Empty tokens to be managed, each judged by pkcs11-tool: SoftHSM's and the GOST module's."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path
from typing import NamedTuple

from agent.ipc.pin import PinSource
from agent.model import TokenState
from agent.tokens.pool import TokenPool
from tests.harness import gost_token, softhsm

OTHER_PIN = "another-9"


class Bench(NamedTuple):
    """A token with nothing on it. The process that loads the module needs `environment`."""

    module: str
    environment: dict[str, str]
    label: str
    pin: str
    so_pin: str
    folder: Path  # of the GOST module's token: where its file `options` goes

    def pool(self, directory: Path, module: str = "", deadline: float = 30.0) -> TokenPool:
        return TokenPool(lambda: [module or self.module], directory / "no-key-files", deadline=deadline)

    async def token(self, pool: TokenPool) -> TokenState:
        return next(token for token in (await pool.listing()).tokens if token.label == self.label)

    def options(self, *lines: str) -> None:
        """Of the GOST module's token: tests/tokens/README.md."""
        (self.folder / "options").write_text("".join(f"{line}\n" for line in lines))

    def tool(self, *arguments: str | Path, pin: str | None = None) -> subprocess.CompletedProcess[bytes]:
        """pkcs11-tool; `pin`: log in with it."""
        login = ("--login", "--pin", pin) if pin else ()
        return subprocess.run(
            ["pkcs11-tool", "--module", self.module, "--token-label", self.label, *login, *map(str, arguments)],
            env={**os.environ, **self.environment}, capture_output=True, timeout=60, check=False,
        )  # fmt: skip

    def objects(self) -> list[str]:
        """The headings of pkcs11-tool's list, seen with a login."""
        done = self.tool("--list-objects", pin=self.pin)
        assert done.returncode == 0, done.stderr
        lines = done.stdout.decode(errors="replace").splitlines()
        return sorted(line.split(";")[0].strip() for line in lines if line and not line.startswith(" "))

    def takes(self, pin: str) -> bool:
        """Whether it is the user's PIN; a try of its own."""
        return self.tool("--list-objects", pin=pin).returncode == 0


def softhsm_bench(directory: Path, label: str = "Bench") -> Bench:
    from tests.harness.keyfiles import make_identity

    token = softhsm.make_empty_softhsm(directory, make_identity("p256"), label=label)
    return Bench(softhsm.MODULE, token.environment, label, softhsm.PIN, softhsm.SO_PIN, directory)


def gost_bench(directory: Path, label: str = "Bench") -> Bench:
    folder = gost_token.make_blank_token(directory / "tokens", label=label)
    environment = {"PERO_TEST_TOKEN_DIR": str(directory / "tokens")}
    return Bench(gost_token.built_module(), environment, label, gost_token.PIN, gost_token.SO_PIN, folder)


BENCHES = {"softhsm": softhsm_bench, "gost token": gost_bench}


def from_lines(folder: Path, *lines: str) -> PinSource:
    """A descriptor with a line for each secret, as of --pin-fd."""
    (folder / "lines").write_text("".join(f"{line}\n" for line in lines))
    return PinSource("descriptor", os.open(folder / "lines", os.O_RDONLY))
