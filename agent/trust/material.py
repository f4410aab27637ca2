"""Validation material of a signature: what proves, later on, that its certificates were good (level LT)."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime

from agent.cms.formats import Material
from agent.config import Settings


class MaterialClient:
    """`settings` are read anew for each signature; `environment` may name proxies."""

    def __init__(
        self, settings: Callable[[], Settings], environment: Mapping[str, str], now: Callable[[], datetime]
    ) -> None:
        self._settings = settings
        self._environment = environment
        self._now = now

    async def material(self, certificate: bytes, chain: Sequence[bytes], tokens: Sequence[bytes]) -> Material:
        """For the signer's certificate (DER), with those of its issuers that are at hand, and for the time-stamp tokens
        of the signature.

        Raises CertificateRevoked, RevocationUnavailable, RevocationUnaddressed, IssuerUnavailable, SettingsDamaged.
        """
        raise NotImplementedError
