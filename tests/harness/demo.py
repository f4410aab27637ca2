"""`make demo`: the whole way of a signature, once, for real, and told in plain words.

A demo authority and signer, a key file or a PKCS#11 token, the agent, a browser with the extension, the demo page,
Pero's own windows, and openssl as the judge. On a display the person clicks; without one the same windows appear on a
screen of their own (Xvfb), where this program types the keys. Everything lives in build/demo, with a home folder of its
own: nothing of the person's is read or changed. Exit: 0 the signature was accepted, 1 anything else.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import shutil
import signal
import subprocess
import sys
import tempfile
from pathlib import Path

from cryptography.hazmat.primitives.serialization import pkcs12

from agent.config import locations, secure_folder
from agent.texts.catalogue import language_of, text
from tests.harness import browsers, softhsm
from tests.harness.demo_page import PATIENCE, DemoFailed, DemoPage, wait
from tests.harness.display import Display
from tests.harness.keyfiles import Identity
from tests.harness.site import Site

ROOT = Path(__file__).resolve().parents[2]
PERO = Path(sys.executable).with_name("pero")
PERSONS_PATIENCE = 600.0  # seconds that a person has
START = 30.0  # seconds for the agent to say that it runs
WINDOW = " — Pero"  # how the titles of Pero's windows end; the page's own title is another
TOKEN_LABEL = "DEMO token"


class Demo:
    """One run. `folder` is made anew."""

    def __init__(self, folder: Path, token: str, family: str, display: Display | None) -> None:
        self.folder = folder
        self.token = token
        self.family = family
        self.display = display
        self.authority = folder / "authority"
        self.out = folder / "out"
        self._step = 0

    def run(self, stack: contextlib.ExitStack) -> None:
        """All steps, in order; what they start is ended by the stack. Raises DemoFailed."""
        self._prepare(stack)
        self._make_authority()
        if self.token == "softhsm":
            self._make_token()
        self._start_agent(stack)
        self._set_up()
        if self.token == "softhsm":
            self._add_module()
        else:
            self._add_key_file()
        page = self._open_page(stack)
        self._sign(page)
        self._save(page)
        self._judge()
        self._look_at_journal()

    # The steps

    def _prepare(self, stack: contextlib.ExitStack) -> None:
        shutil.rmtree(self.folder, ignore_errors=True)
        self.out.mkdir(parents=True)
        # The socket's path may hold 108 bytes only, and a checkout may lie deep.
        runtime = tempfile.mkdtemp(prefix="pero-demo-")
        stack.callback(shutil.rmtree, runtime, ignore_errors=True)
        self.environment = browsers.private_environment(self.folder, XDG_RUNTIME_DIR=runtime)
        if self.display is not None:
            keys = ("DISPLAY", "DBUS_SESSION_BUS_ADDRESS", "QT_LINUX_ACCESSIBILITY_ALWAYS_ON")
            self.environment |= {key: self.display.environment[key] for key in keys} | {"LANG": "C.UTF-8"}
        else:
            self._take_over_display()
        self.language = language_of(self.environment)

    def _take_over_display(self) -> None:
        """What programs with another HOME need to appear on the person's own display, in their language."""
        for name in ("LC_ALL", "LC_MESSAGES", "LANGUAGE", "DBUS_SESSION_BUS_ADDRESS"):
            if name in os.environ:
                self.environment[name] = os.environ[name]
        authority = Path.home() / ".Xauthority"
        if "XAUTHORITY" not in self.environment and authority.exists():
            self.environment["XAUTHORITY"] = str(authority)

    def _make_authority(self) -> None:
        self._say("Make a demo authority and demo signers. Nobody trusts them; they live 30 days.")
        self._pero("demo", "create", str(self.authority))
        self.pin = (self.authority / "pin.txt").read_text("ascii").strip()

    def _make_token(self) -> None:
        self._say(
            "Make a PKCS#11 token in software (SoftHSM) and put the demo signer on it. Its PIN is the one in pin.txt."
        )
        key_file = (self.authority / "signer-rsa.p12").read_bytes()
        key, certificate, others = pkcs12.load_key_and_certificates(key_file, self.pin.encode())
        directory = self.folder / "token"
        directory.mkdir()
        identity = Identity(key, certificate, others[0])  # type: ignore[arg-type]  # a key file has both
        made = softhsm.make_softhsm(directory, label=TOKEN_LABEL, pin=self.pin, identity=identity)
        self.environment |= made.environment

    def _start_agent(self, stack: contextlib.ExitStack) -> None:
        self._say("Start Pero, the agent, with a state folder of its own.")
        self._show("run")
        places = locations(self.environment)
        secure_folder(places.state)
        places.guide.touch(0o600)  # no guide comes up between the demo's own steps
        agent = subprocess.Popen(
            [PERO, "run"],
            env=self.environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
        stack.callback(_end, agent)
        assert agent.stdout is not None
        os.set_blocking(agent.stdout.fileno(), False)
        heard = b""

        def started() -> bool:
            nonlocal heard
            heard += agent.stdout.read() or b""  # type: ignore[union-attr]
            if agent.poll() is not None:
                raise DemoFailed(f"Pero did not start: {heard.decode(errors='replace').strip()}")
            return b"\n" in heard

        wait(started, START, "Pero to start")
        print(_indented(heard.decode(errors="replace")))

    def _set_up(self) -> None:
        self._say("Let the browser find Pero: `pero setup` writes a native messaging manifest for it.")
        self._pero("setup", "--profile", str(browsers.profile_folder(self.environment)))

    def _add_module(self) -> None:
        self._say("Tell Pero of the token's module.")
        self._pero("modules", "add", softhsm.MODULE)

    def _add_key_file(self) -> None:
        self._say("Add the signer's encrypted key file; its passphrase goes by a file descriptor.")
        with (self.authority / "pin.txt").open("rb") as pin:
            number = pin.fileno()
            arguments = ("keyfile", "add", str(self.authority / "signer-rsa.p12"), "--pin-fd", str(number))
            self._pero(*arguments, pass_fds=(number,))

    def _open_page(self, stack: contextlib.ExitStack) -> DemoPage:
        url = stack.enter_context(Site()).url("/demo/")
        self._say(f"Open the demo page {url} in {self.family.capitalize()}, with Pero's extension in it.")
        page = DemoPage(self.family, self.environment, url)
        stack.callback(page.close)
        print(_indented(page.browser_name))
        return page

    def _sign(self, page: DemoPage) -> None:
        page.until_ready()
        if self.display is None:
            self._say("Your turn, in the browser's window:")
            labels = {name: page.text(name) for name in ("connect", "choose", "sign")}
            print(_indented(_TURN.format(pin_file=self.authority / "pin.txt", pin=self.pin, **labels)), flush=True)
            self.result = page.signature(PERSONS_PATIENCE, lambda status: print(f"   ... {status}", flush=True))
        else:
            self._sign_by_hands(page, self.display)
            page.until_ready()
            self.result = page.signature(PATIENCE)
        self._say(f"The page received a signature of {len(self.result.signature)} bytes.")

    def _sign_by_hands(self, page: DemoPage, display: Display) -> None:
        """The person's part, played: the page's buttons, then Pero's real windows with their dead first second."""
        self._say("The page asks to be allowed. Pero's window: allow, and remember.")
        self._press(page, "connect", display)
        display.click(self._word("button.allow_remember"), deadline=PATIENCE)
        page.until_ready()
        self._say("The page asks for a certificate. Pero's window: choose it.")
        self._press(page, "choose", display)
        display.click(self._word("button.choose"), deadline=PATIENCE)
        page.until_ready()
        print(_indented(page.text("certificate")))
        self._say("The page asks for a signature. Pero's window shows the document; the PIN is typed, then Enter.")
        self._press(page, "sign", display)
        display.sign(self.pin, button=self._word("button.sign"))

    def _press(self, page: DemoPage, button: str, display: Display) -> None:
        """Press a button of the page, and bring the window that then appears to the front."""
        page.press(button)
        try:
            display.wait_for_window(WINDOW, deadline=PATIENCE)
        except AssertionError:
            display.screenshot(self.folder / "screen.png")
            raise DemoFailed(f"No window of Pero's came up (see screen.png). The page says: {page.status}") from None

    def _save(self, page: DemoPage) -> None:
        self._say(f"Download what the page offers, the signature and the document, to {_shown(self.out)}.")
        page.download("download", self.out / "signature.p7s")
        page.download("download-document", self.out / "document.txt")
        if (self.out / "signature.p7s").read_bytes() != self.result.signature:
            raise DemoFailed("The page offers something else than it received.")

    def _judge(self) -> None:
        self._say("Ask openssl, which knows nothing of Pero, with the demo authority as the only one trusted.")
        files = {name: _shown(self.out / name) for name in ("signature.p7s", "document.txt")}
        anchor = _shown(self.authority / "ca.pem")
        command = ["openssl", "cms", "-verify", "-binary", "-inform", "DER", "-in", files["signature.p7s"]]
        command += ["-content", files["document.txt"]] if self.result.detached else []
        command += ["-CAfile", anchor, "-out", os.devnull]
        print(_indented("$ " + " ".join(command)))
        done = subprocess.run(command, stderr=subprocess.STDOUT, stdout=subprocess.PIPE, text=True, check=False)
        print(_indented(done.stdout))
        if done.returncode:
            raise DemoFailed("openssl does not accept the signature.")

    def _look_at_journal(self) -> None:
        self._say("Look into the journal: what was asked, agreed to and signed, in a chain of hashes.")
        self._pero("journal", "list")
        self._pero("journal", "verify")

    # How it is done

    def _say(self, sentence: str) -> None:
        self._step += 1
        print(f"\n{self._step}. {sentence}", flush=True)

    def _show(self, *arguments: str) -> None:
        print(
            _indented("$ pero " + " ".join(_shown(Path(word)) if word.startswith("/") else word for word in arguments))
        )

    def _pero(self, *arguments: str, pass_fds: tuple[int, ...] = ()) -> None:
        """One command of Pero, shown with what it says. Raises DemoFailed."""
        self._show(*arguments)
        done = subprocess.run(
            [PERO, *arguments],
            env=self.environment,
            pass_fds=pass_fds,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            timeout=PATIENCE,
            check=False,
        )
        print(_indented(done.stdout.decode(errors="replace")), flush=True)
        if done.returncode:
            raise DemoFailed(f"`pero {arguments[0]}` ended with {done.returncode}.")

    def _word(self, key: str) -> str:
        """A wording as a window shows it and a screen reader hears it: without the mark of its shortcut."""
        return text(key, self.language).replace("&", "")


_TURN = """\
1. Press "{connect}". Pero's window comes up: allow it.
2. Press "{choose}" if you like; without it Pero asks when you sign.
3. Press "{sign}". Pero's window shows the document and the certificate. Its PIN is {pin}
   (it is in {pin_file}).
The windows' buttons are dead for the first second. Close the browser to stop; there are ten minutes."""


def _end(process: subprocess.Popen[bytes]) -> None:
    """End the agent as a logout does, and wait for it."""
    process.send_signal(signal.SIGTERM)
    try:
        process.wait(15)
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()
    if process.stdout is not None:
        process.stdout.close()


def _indented(lines: str) -> str:
    return "\n".join(f"   {line}" for line in lines.rstrip().splitlines())


def _shown(path: Path) -> str:
    """A path below the current folder in its short form."""
    return str(path.relative_to(Path.cwd())) if path.is_relative_to(Path.cwd()) else str(path)


def _family(wanted: str) -> str:
    """The browser to use: the one asked for, else Chromium, else Firefox. Raises DemoFailed."""
    programs = {"chromium": "chromium", "firefox": "firefox-esr"}
    for family in [wanted] if wanted else browsers.FAMILIES:
        if shutil.which(programs[family]):
            return family
    raise DemoFailed(
        f"{programs[wanted]} is not here." if wanted else "There is neither chromium nor firefox-esr here."
    )


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="make demo", description=__doc__)
    parser.add_argument("--token", choices=("keyfile", "softhsm"), default="keyfile")
    parser.add_argument("--browser", choices=browsers.FAMILIES, default="")
    parser.add_argument("--folder", type=Path, default=ROOT / "build" / "demo")
    given = parser.parse_args(arguments)
    try:
        with contextlib.ExitStack() as stack:
            family = _family(given.browser)
            display = None if os.environ.get("DISPLAY") else stack.enter_context(Display())
            if display is not None:
                print(
                    "There is no display: the windows appear on a screen of their own, and the keys are typed for you."
                )
            Demo(given.folder.absolute(), given.token, family, display).run(stack)
    except KeyboardInterrupt:
        print("\nStopped.")
        return 1
    except (DemoFailed, AssertionError) as error:
        print(f"\nThe demo failed. {error}", file=sys.stderr)
        return 1
    print("\nDone: the page got a signature that openssl accepts. Everything was stopped again.")
    return 0


if __name__ == "__main__":
    sys.exit(main())
