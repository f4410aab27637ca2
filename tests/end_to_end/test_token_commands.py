"""`pero token` as scripts run it, on a GOST token and on SoftHSM. The judges are openssl and pkcs11-tool."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.harness import gost_token
from tests.harness.command_line import PERO, CommandLine
from tests.harness.gost_token import GostToken, authority, make_blank_token, make_gost_token, openssl_gost, pkcs11_tool
from tests.harness.keyfiles import PASSPHRASE, make_identity, make_key_file
from tests.harness.places import built_fault_module
from tests.harness.softhsm import MODULE, PIN, SO_PIN, SoftHsm, make_empty_softhsm, make_softhsm

SUBJECT = {
    "--common-name": "Иванов Иван Иванович", "--surname": "Иванов", "--given-name": "Иван Иванович", "--region": "77",
    "--locality": "Москва", "--organization": "ООО «Василёк»", "--inn": "500100732259", "--inn-le": "7707083893",
    "--ogrn": "1027700132195", "--snils": "112-233-445 95", "--email": "ivanov@example.ru",
}  # fmt: skip
AS_OFFICER = ("--login", "--login-type", "so", "--init-pin", "--pin", "other-pin-1")
INN_LE = f"1.2.643.100.4=#120A{b'7707083893'.hex()}"  # a NumericString that this openssl has no name for
EXPECTED = ("INN=500100732259", "SNILS=11223344595", "OGRN=1027700132195", INN_LE, "SN=Иванов", "O=ООО «Василёк»")


@pytest.fixture
def pero(tmp_path: Path) -> Iterator[CommandLine]:
    with CommandLine(tmp_path) as line:
        (tmp_path / "contract.txt").write_bytes(b"contract")
        yield line


@pytest.fixture
def token(pero: CommandLine) -> GostToken:
    made = make_gost_token(pero.folder / "tokens")
    pero.use_gost_token(made)
    return made


def softhsm(pero: CommandLine, *, empty: bool = False) -> SoftHsm:
    directory = pero.folder / "softhsm"
    directory.mkdir()
    made = make_empty_softhsm(directory, make_identity()) if empty else make_softhsm(directory)
    pero.use_tokens(directory)
    return made


def tool(token: SoftHsm, *arguments: str, pin: str | None = None, check: bool = True) -> str:
    """What pkcs11-tool says of a SoftHSM token."""
    given = ["--login", "--pin", pin] if pin else []
    done = subprocess.run(
        ["pkcs11-tool", "--module", MODULE, "--token-label", token.label, *given, *arguments],
        env={**os.environ, **token.environment}, capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    assert done.returncode == 0 or not check, done.stdout + done.stderr
    return done.stdout + done.stderr


def options(subject: dict[str, str]) -> list[str]:
    return [word for pair in subject.items() for word in pair]


@pytest.mark.parametrize("running", [False, True], ids=["alone", "with an agent"])
def test_from_a_new_key_to_a_signature(pero: CommandLine, token: GostToken, running: bool) -> None:
    if running:
        with pero.agent():
            from_a_new_key_to_a_signature(pero, token)
    else:
        from_a_new_key_to_a_signature(pero, token)
    assert pero.holds(token.pin) == []


def from_a_new_key_to_a_signature(pero: CommandLine, token: GostToken) -> None:
    kind = ("--type", "gost512", "--parameters", "TC26-A", "--id", "a7", "--label", "new one")
    made = pero.run("token", "generate-key", *kind, "--json", pin=token.pin)
    assert made.status == 0, made
    assert made.json["object"]["id"] == "a7"
    assert made.json["object"]["extractable"] is False

    asked = pero.run("token", "request", "key:a7", *options(SUBJECT), "--pem", "-o", "wish.pem", pin=token.pin)
    assert asked.status == 0, asked
    request = pero.folder / "wish.pem"
    shown = openssl_gost("req", "-in", request, "-noout", "-verify", "-subject", "-nameopt", "RFC2253,utf8,-esc_msb")
    assert b"verify OK" in shown.stdout + shown.stderr
    for part in EXPECTED:
        assert part in shown.stdout.decode()

    issuer = authority("gost512-A")
    openssl_gost(
        "x509", "-req", "-in", request, "-CA", issuer.certificate, "-CAkey", issuer.key, f"-{issuer.digest}",
        "-set_serial", "0x1234", "-days", "30", "-copy_extensions", "copyall", "-out", pero.folder / "issued.pem",
    )  # fmt: skip
    written = pero.run("token", "write-certificate", "issued.pem", "--label", "mine", "--json", pin=token.pin)
    assert written.status == 0, written
    thumbprint = written.json["object"]["thumbprint"]

    assert pero.run("sign", "contract.txt", "--certificate", thumbprint, pin=token.pin).status == 0
    said = openssl_gost(
        "cms", "-verify", "-binary", "-cades", "-inform", "DER", "-in", pero.folder / "contract.txt.p7s",
        "-content", pero.folder / "contract.txt", "-CAfile", issuer.certificate, "-purpose", "any",
    )  # fmt: skip
    assert said.stdout == b"contract"


def test_what_is_on_a_token_is_shown_and_with_a_login_all_of_it(pero: CommandLine) -> None:
    token = softhsm(pero)
    plain = pero.run("token", "objects")
    assert plain.status == 0
    assert "Certificate  certificate:01" in plain.output
    assert "Test Signer" in plain.output
    assert "--login" in plain.complaint
    assert "Private Key" not in tool(token, "--list-objects"), "the key hides from strangers"
    whole = pero.run("token", "objects", token.label, "--login", "--json", pin=token.pin).json
    assert whole["complete"] is True
    keys = [row for row in whole["objects"] if row["kind"] == "key"]
    assert [(row["id"], row["has_key"], row["key"]) for row in keys] == [("01", True, "RSA 2048")]


def test_a_key_file_is_copied_to_a_token_and_signs_there(pero: CommandLine) -> None:
    token = softhsm(pero, empty=True)
    made = make_key_file(pero.folder, "rsa2048", common_name="Moved Here")
    assert pero.run("token", "import", made.path, pin="not it\n" + PIN, language="ru_RU").status == 3
    assert "Private Key" not in tool(token, "--list-objects", pin=PIN)
    done = pero.run("token", "import", made.path, pin=f"{PASSPHRASE}\n{PIN}")
    assert done.status == 0, done
    listed = tool(token, "--list-objects", pin=PIN)
    assert "Private Key Object; RSA" in listed
    assert "sensitive" in listed
    assert "never extractable" in listed or "extractable" not in listed.replace("never extractable", "")
    assert pero.run("sign", "contract.txt", pin=PIN).status == 0
    checked = pero.run("verify", "contract.txt.p7s", "--content", "contract.txt")
    assert "Moved Here" in checked.output


def test_a_pin_is_changed(pero: CommandLine) -> None:
    token = softhsm(pero)
    done = pero.run("token", "change-pin", pin=f"{PIN}\nfresh-pin-9", language="ru_RU")
    assert (done.status, done.output) == (0, "Готово. Теперь действует только новый.\n")
    tool(token, "--list-objects", pin="fresh-pin-9")
    assert "CKR_PIN_INCORRECT" in tool(token, "--list-objects", pin=PIN, check=False)
    assert pero.holds("fresh-pin-9") == []


def test_a_wrong_old_pin_changes_nothing_and_spends_one_try(pero: CommandLine, token: GostToken) -> None:
    token.set_options("tries = 3")
    done = pero.run("token", "change-pin", "--json", pin="wrong-pin\nfresh-pin-9")
    assert done.status == 3
    assert done.json["error"]["name"] == "pin_incorrect"
    assert pero.run("token", "list").output.count("few tries are left") == 1
    token.pkcs11_tool(*token.logged_in, "--list-objects")


def test_a_new_pin_that_the_token_does_not_take_changes_nothing(pero: CommandLine, token: GostToken) -> None:
    done = pero.run("token", "change-pin", "--json", pin=f"{token.pin}\n123")
    assert done.status == 3
    assert done.json["error"]["name"] == "pin_length"
    token.pkcs11_tool(*token.logged_in, "--list-objects")


def test_a_locked_token_gets_a_new_pin_from_its_officer(pero: CommandLine, token: GostToken) -> None:
    for _ in range(10):
        token.pkcs11_tool("--login", "--pin", "wrong-pin", "--list-objects", check=False)
    assert "PIN is locked" in pero.run("token", "list").output
    wrong = pero.run("token", "unblock", token.label, "--json", pin="not-the-officer\nfresh-pin-9")
    assert (wrong.status, wrong.json["error"]["name"]) == (3, "so_pin_incorrect")
    done = pero.run("token", "unblock", token.label, pin=f"{token.so_pin}\nfresh-pin-9")
    assert done.status == 0, done
    token.pkcs11_tool("--login", "--pin", "fresh-pin-9", "--list-objects")


def test_a_token_without_a_pin_gets_its_first_one(pero: CommandLine) -> None:
    directory = pero.folder / "tokens"
    (directory / "token").mkdir(parents=True, mode=0o700)
    pkcs11_tool(directory, "--slot", "0", "--init-token", "--label", "Blank", "--so-pin", gost_token.SO_PIN)
    pero.environment["PERO_TEST_TOKEN_DIR"] = str(directory)
    pero.settings(clock_hosts=(), modules=(gost_token.built_module(),))
    assert "has not been set yet" in pero.run("token", "list").output
    done = pero.run("token", "set-pin", "Blank", pin=f"{gost_token.SO_PIN}\nfirst-pin-1")
    assert done.status == 0, done
    pkcs11_tool(directory, "--token-label", "Blank", "--login", "--pin", "first-pin-1", "--list-objects")
    again = pero.run("token", "set-pin", "Blank", "--json", pin=f"{gost_token.SO_PIN}\nother-pin-2")
    assert again.json["error"]["name"] == "pin_already_set"


def test_an_object_gets_another_label(pero: CommandLine) -> None:
    token = softhsm(pero)
    assert pero.run("token", "rename", "key:01", "Договоры", pin=PIN).status == 0
    listed = tool(token, "--list-objects", "--type", "privkey", pin=PIN)
    assert "Договоры" in listed


def test_deleting_names_what_went_and_leaves_the_rest(pero: CommandLine, token: GostToken) -> None:
    done = pero.run("token", "delete", "key:01", "--yes", "--json", pin=token.pin)
    assert done.status == 0, done
    assert [(loss["kind"], "Иванов" in loss["name"]) for loss in done.json["losses"]] == [
        ("key", False),
        ("keyless", True),
    ]
    left = token.pkcs11_tool(*token.logged_in, "--list-objects").stdout.decode()
    assert "Key Object" not in left
    assert "Certificate Object" in left


def test_nothing_is_deleted_by_a_script_that_does_not_say_so(pero: CommandLine, token: GostToken) -> None:
    assert pero.run("token", "delete", "key:01", pin=token.pin).status == 64
    assert pero.run("token", "delete", "key:01", "--yes").status == 64
    assert pero.run("token", "delete", "the key", "--yes", pin=token.pin).status == 64
    absent = pero.run("token", "delete", "key:0b", "--yes", "--json", pin=token.pin)
    assert absent.json["error"]["name"] == "object_absent"
    assert b"Private Key Object" in token.pkcs11_tool(*token.logged_in, "--list-objects").stdout


def test_a_key_file_is_a_token_of_its_own_kind(pero: CommandLine) -> None:
    made = make_key_file(pero.folder, "p256", common_name="Макетова")
    assert pero.run("keyfile", "add", made.path, pin=PASSPHRASE).status == 0
    assert "key file" in pero.run("token", "list").output
    changed = pero.run("token", "change-pin", pin=f"{PASSPHRASE}\nanother long one")
    assert changed.status == 0, changed
    assert pero.run("sign", "contract.txt", "--json", pin=PASSPHRASE).json["error"]["name"] == "pin_incorrect"
    assert pero.run("sign", "contract.txt", pin="another long one").status == 0


def test_among_several_tokens_one_must_be_named(pero: CommandLine, token: GostToken) -> None:
    make_blank_token(pero.folder / "tokens", label="The other", name="other")
    several = pero.run("token", "objects")
    assert several.status == 64
    assert "GOST token" in several.complaint
    assert "The other" in several.complaint
    serials = {row["label"]: row["serial"] for row in pero.run("token", "list", "--json").json["tokens"]}
    assert serials["The other"] in pero.run("token", "objects", serials["The other"]).output
    assert pero.run("token", "objects", "No such", "--json").json["error"]["name"] == "token_absent"


def test_what_is_wrong_with_a_subject_is_told_before_the_pin(pero: CommandLine, token: GostToken) -> None:
    token.set_options("tries = 3")
    wrong = pero.run("token", "request", "--common-name", "X", "--inn", "500100732258", "--json", pin="wrong-pin")
    assert wrong.json["error"]["name"] == "subject_invalid"
    assert not (pero.folder / "request.p10").exists()
    assert "few tries" not in pero.run("token", "list").output
    (pero.folder / "request.p10").write_text("mine")
    standing = pero.run("token", "request", "--common-name", "X", pin=token.pin)
    assert standing.status == 3
    assert (pero.folder / "request.p10").read_text() == "mine"


def test_a_request_without_a_key_names_the_keys_where_there_are_several(pero: CommandLine, token: GostToken) -> None:
    pero.run("token", "generate-key", "--type", "gost256", "--id", "b8", pin=token.pin)
    asked = pero.run("token", "request", "--common-name", "X", pin=token.pin)
    assert asked.status == 64
    assert "key:01" in asked.complaint
    assert "key:b8" in asked.complaint


def test_the_journal_names_token_and_objects_and_nothing_private(pero: CommandLine, token: GostToken) -> None:
    pero.run("token", "rename", "key:01", "my private label", pin=token.pin)
    pero.run("token", "delete", "key:01", "--yes", pin="wrong-pin")
    serial = pero.run("token", "list", "--json").json["tokens"][0]["serial"]
    entries = pero.run("journal", "list", "--json").json["entries"][1:]
    assert [(entry["kind"], entry["facts"].get("outcome")) for entry in entries] == [
        ("token_rename", None),
        ("outcome", "done"),
        ("token_delete", None),
        ("outcome", "pin_incorrect"),
    ]
    assert {entry["facts"]["token"] for entry in entries[::2]} == {serial}
    assert {entry["facts"]["objects"] for entry in entries[::2]} == {"key:01"}
    assert pero.holds("my private label") == []
    assert pero.run("journal", "verify").status == 0


def test_a_token_that_was_pulled_out_is_an_error_in_words(pero: CommandLine, token: GostToken) -> None:
    token.pull()
    gone = pero.run("token", "change-pin", token.label, pin=f"{token.pin}\nfresh-pin-9", language="ru_RU")
    assert gone.status == 3
    assert "Ошибка" in gone.complaint
    assert SO_PIN not in gone.complaint


def with_faults(pero: CommandLine, module: str, *faults: str) -> None:
    """The module of faults stands before the token's from now on."""
    pero.environment |= {
        "PERO_FAULT_MODULE": module,
        "PERO_FAULT_FILE": str(pero.folder / "faults"),
        "PERO_FAULT_LOG": str(pero.folder / "log"),
    }
    (pero.folder / "faults").write_text("".join(f"{fault}\n" for fault in faults))
    pero.settings(modules=(built_fault_module(),))


def test_a_key_that_is_interrupted_while_it_is_made_is_no_cancelled_one(pero: CommandLine, token: GostToken) -> None:
    """Ctrl-C at a command without an agent: the token may have made it (R17)."""
    with_faults(pero, token.module, "C_GenerateKeyPair until")
    reader, writer = os.pipe()
    os.write(writer, f"{token.pin}\n".encode())
    os.close(writer)
    command = [PERO, "token", "generate-key", "--pin-fd", str(reader)]
    with subprocess.Popen(command, env=pero.environment, pass_fds=(reader,), stderr=subprocess.PIPE) as process:
        os.close(reader)
        log = pero.folder / "log"
        deadline = time.monotonic() + 60
        while not log.exists() or "C_GenerateKeyPair" not in log.read_text():
            assert time.monotonic() < deadline
            assert process.poll() is None
            time.sleep(0.02)
        process.send_signal(signal.SIGINT)
        process.wait(30)
    entries = pero.run("journal", "list", "--json").json["entries"]
    assert [entry["facts"]["outcome"] for entry in entries if "outcome" in entry["facts"]] == ["outcome_unknown"]


# --- what is left of the last try


def spend_officers_tries(token: GostToken) -> None:
    """All but one, by somebody else's client."""
    for _ in range(9):
        token.pkcs11_tool(*AS_OFFICER, "--so-pin", "not-it-9", check=False)


def test_a_script_spends_the_officers_last_try_only_where_it_says_so(pero: CommandLine, token: GostToken) -> None:
    spend_officers_tries(token)
    before = flags(token)
    refused = pero.run("token", "unblock", pin="not-it-9\nfresh-pin-9")
    assert refused.status == 3
    assert "--last-try" in refused.complaint
    assert flags(token) == before, "nothing was tried"
    done = pero.run("token", "unblock", "--last-try", "--token", token.label, pin=f"{token.so_pin}\nfresh-pin-9")
    assert done.status == 0, done
    spend_officers_tries(token)
    wrong = pero.run("token", "unblock", "--last-try", "--json", pin="not-it-9\nfresh-pin-9")
    assert wrong.json["error"]["name"] == "so_pin_locked"
    (listed,) = pero.run("token", "list", "--json").json["tokens"]
    assert (listed["so_pin_locked"], listed["pin_locked"]) == (True, False)


@pytest.mark.parametrize("running", [False, True], ids=["alone", "with an agent"])
def test_a_script_signs_with_the_last_try_only_where_it_says_so(
    pero: CommandLine, token: GostToken, running: bool
) -> None:
    token.set_options("tries = 1")
    with pero.agent() if running else contextlib.nullcontext():
        for files in (("contract.txt",), ("contract.txt", "second.txt")):
            (pero.folder / "second.txt").write_bytes(b"second")
            refused = pero.run("sign", *files, "--json", pin="not-it-9")
            assert refused.status == 3
            assert "last_try_unconfirmed" in refused.output
        assert token.pkcs11_tool(*token.logged_in, "--list-objects", check=False).returncode == 0, "no try was spent"
        assert pero.run("sign", "contract.txt", "--last-try", pin=token.pin).status == 0


def test_a_wrong_officers_pin_is_counted_once(pero: CommandLine, token: GostToken) -> None:
    for number in range(8):
        wrong = pero.run("token", "unblock", "--json", pin="not-it-9\nfresh-pin-9")
        assert wrong.json["error"]["name"] == "so_pin_incorrect"
        (listed,) = pero.run("token", "list", "--json").json["tokens"]
        assert listed["so_pin_final_try"] is False, f"{number + 1} of 10 tries are spent"
    wrong = pero.run("token", "unblock", "--json", pin="not-it-9\nfresh-pin-9")
    assert wrong.json["error"]["facts"]["tries_left"] == 1
    (listed,) = pero.run("token", "list", "--json").json["tokens"]
    assert listed["so_pin_final_try"] is True


def flags(token: GostToken) -> str:
    said = token.pkcs11_tool("--list-token-slots").stdout.decode()
    return next(line for line in said.splitlines() if "token flags" in line)


# --- certificates out of other files


def test_the_certificate_that_fits_is_taken_out_of_a_bundle(pero: CommandLine, token: GostToken) -> None:
    (pero.folder / "own.pem").write_bytes(token.certificate_pem)
    others = [make_identity("rsa2048").pem, token.authority.certificate.read_bytes()]
    (pero.folder / "others.pem").write_bytes(b"".join(others))
    deleted = pero.run("token", "delete", "certificate:01", "--yes", pin=token.pin)
    assert deleted.status == 0, deleted
    files = ("-certfile", pero.folder / "others.pem", "-certfile", pero.folder / "own.pem")
    for form in ("DER", "PEM"):
        openssl_gost("crl2pkcs7", "-nocrl", *files, "-outform", form, "-out", pero.folder / "bundle.p7b")
        done = pero.run("token", "write-certificate", "bundle.p7b", "--json", pin=token.pin)
        assert done.status == 0, done
        assert done.json["object"]["owner"] == "Иванов Иван Иванович"
        assert pero.run("token", "delete", "certificate:01", "--yes", pin=token.pin).status == 0


def test_a_certificate_that_was_deleted_comes_back_from_its_file(pero: CommandLine) -> None:
    token = softhsm(pero, empty=True)
    made = make_key_file(pero.folder, "p256", common_name="Came Back")
    secrets = f"{PASSPHRASE}\n{PIN}"
    assert pero.run("token", "import", made.path, pin=secrets).status == 0
    thumbprint = made.identity.thumbprint
    assert pero.run("token", "delete", f"certificate:{thumbprint}", "--yes", pin=PIN).status == 0
    assert "Came Back" not in tool(token, "--list-objects")
    assert pero.run("token", "import", made.path, pin=secrets).status == 0
    assert tool(token, "--list-objects", pin=PIN).count("Private Key Object") == 1
    assert pero.run("sign", "contract.txt", "--certificate", thumbprint, pin=PIN).status == 0
    again = pero.run("token", "import", made.path, "--json", pin=secrets)
    assert again.json["error"]["name"] == "object_exists"


@pytest.mark.parametrize("label", ["x" * 300, "\u202eright", "two\nlines"])
def test_a_label_that_cannot_be_is_the_persons_matter(pero: CommandLine, token: GostToken, label: str) -> None:
    (pero.folder / "own.pem").write_bytes(token.certificate_pem)
    for command in (("rename", "key:01", label), ("generate-key", "--label", label),
                    ("write-certificate", "own.pem", "--label", label)):  # fmt: skip
        done = pero.run("token", *command, pin=token.pin)
        assert done.status == 3
        assert "support" not in done.complaint
        assert "255 bytes" in done.complaint


def test_a_token_is_named_the_same_way_everywhere(pero: CommandLine, token: GostToken) -> None:
    make_blank_token(pero.folder / "tokens", label="The other", name="other", pin="other-pin")
    assert pero.run("token", "objects", "--token", token.label).output.startswith(token.label)
    assert pero.run("token", "objects", token.label, "--token", token.label).status == 0
    assert pero.run("token", "objects", token.label, "--token", "The other").status == 64
    made = pero.run("token", "generate-key", "--token", "The other", "--type", "ec", pin="other-pin")
    assert made.status == 0, made


def test_watching_leaves_room_for_an_agent(pero: CommandLine, token: GostToken) -> None:
    command = [PERO, "token", "list", "--watch", "--json"]
    with subprocess.Popen(command, env=pero.environment, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL) as watching:
        assert watching.stdout
        assert token.label.encode() in watching.stdout.readline()
        with pero.agent():
            assert pero.run("token", "objects").status == 0
        watching.send_signal(signal.SIGINT)
        watching.wait(30)
