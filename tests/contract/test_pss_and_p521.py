"""RSA-PSS and P-521 on every kind of place; tokens that know no PSS say so. Judge: `cryptography`."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator

import pytest
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa, utils

from agent.algorithms import PSS, algorithm_for, digest_named
from agent.errors import MechanismUnsupported
from tests.contract.test_tokens import find_tokens_in, make_place
from tests.harness.asker import asking
from tests.harness.places import HASHES, Place

DOCUMENT = b"Salted\n"
SETS = {"keyfiles": ("rsa2048", "p521"), "softhsm": ("rsa2048", "p521"), "gost_token": ("rsa2048",)}


@pytest.fixture(scope="module", params=SETS)
def place(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    directory = tmp_path_factory.mktemp(request.param)
    with pytest.MonkeyPatch.context() as patch:
        find_tokens_in(directory, patch)
        yield make_place(request.param, directory, SETS[request.param])


KNOWING = pytest.mark.parametrize("place", ["keyfiles", "softhsm"], indirect=True)


@KNOWING
@pytest.mark.parametrize("digest", ["sha256", "sha384", "sha512"])
async def test_pss_is_made_with_a_salt_as_long_as_the_digest(place: Place, digest: str) -> None:
    pool = place.pool()
    entry = place.entry(await pool.listing(), "rsa2048")
    algorithm, value = algorithm_for("rsa", digest_named(digest), PSS), hashlib.new(digest, DOCUMENT).digest()
    async with asking(place.pin) as asker:
        signature = await pool.sign(entry, algorithm, value, asker.source)
    await pool.close()
    public, hashing = place.identities["rsa2048"].key.public_key(), HASHES[digest]
    assert isinstance(public, rsa.RSAPublicKey)
    public.verify(signature, value, padding.PSS(padding.MGF1(hashing), len(value)), utils.Prehashed(hashing))
    with pytest.raises(InvalidSignature):
        public.verify(signature, value, padding.PKCS1v15(), utils.Prehashed(hashing))


@pytest.mark.parametrize("place", ["gost_token"], indirect=True)
async def test_a_token_that_knows_no_pss_says_so_before_it_is_asked_for_a_pin(place: Place) -> None:
    pool = place.pool()
    entry = place.entry(await pool.listing(), "rsa2048")
    async with asking(place.pin) as asker:
        with pytest.raises(MechanismUnsupported) as caught:
            await pool.sign(entry, algorithm_for("rsa", digest_named("sha256"), PSS), bytes(32), asker.source)
    await pool.close()
    assert caught.value.facts["algorithm"] == "rsa-pss-sha256"
    assert asker.questions == []


@KNOWING
@pytest.mark.parametrize("digest", ["sha256", "sha384", "sha512"])
async def test_p521_signs_every_digest(place: Place, digest: str) -> None:
    pool = place.pool()
    entry = place.entry(await pool.listing(), "p521")
    value = hashlib.new(digest, DOCUMENT).digest()
    async with asking(place.pin) as asker:
        signature = await pool.sign(entry, algorithm_for("ec", digest_named(digest)), value, asker.source)
    await pool.close()
    public = place.identities["p521"].key.public_key()
    assert isinstance(public, ec.EllipticCurvePublicKey)
    public.verify(signature, value, ec.ECDSA(utils.Prehashed(HASHES[digest])))
