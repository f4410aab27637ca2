"""The GOST module as a place of keys of the other kinds."""

from __future__ import annotations

from pathlib import Path

from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat

from tests.harness import gost_token
from tests.harness.keyfiles import KEYS, make_identity
from tests.harness.places import Place


def gost_token_place(directory: Path, keys: tuple[str, ...] = KEYS) -> Place:
    """RSA and EC keys on tokens of the GOST module. The caller sets PERO_TEST_TOKEN_DIR to `directory`/tokens."""
    tokens, pin = directory / "tokens", gost_token.PIN
    identities = {key: make_identity(key, key) for key in keys}
    for key, identity in identities.items():
        gost_token.make_blank_token(tokens, label=key, name=key)
        gost_token.import_key(
            tokens, key, pin,
            identity.key.private_bytes(Encoding.DER, PrivateFormat.PKCS8, NoEncryption()),
            identity.key.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo),
        )  # fmt: skip
        gost_token.write_certificate(tokens, key, pin, identity.der, "01")
        gost_token.write_certificate(tokens, key, pin, identity.authority.public_bytes(Encoding.DER), "ca")

    def remove(key: str) -> None:
        (tokens / key).rename(tokens / f".{key}")

    place = Place("gost token", pin, identities, remove)
    place.modules = [gost_token.built_module()]
    place.key_files = directory / "no-key-files"
    return place
