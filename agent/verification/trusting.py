"""Who vouches for the certificates of one signature: for now, or for an earlier moment that is proved.

Answers are kept for the length of one verification: a signature may name one certificate a thousand times.
"""

from __future__ import annotations

import datetime
from collections.abc import Sequence

from agent.certificates.description import Description, problems
from agent.trust.path import path_problem
from agent.verification import revocation

_PROBLEMS = {"expired": "certificate_expired", "key_unsupported": "algorithm_unsupported"}  # else the same name
_KEY_PERIOD = frozenset({"key_period_over", "key_period_not_begun"})
_OVER = frozenset({"certificate_expired", "issuer_expired"})  # what an earlier moment may put right


class Trusting:
    """`anchors` and `certificates` (those of the signature) are DER."""

    def __init__(
        self,
        anchors: Sequence[bytes] | None,
        certificates: Sequence[bytes],
        carried: revocation.Carried,
        now: datetime.datetime,
    ) -> None:
        self._anchors = tuple(anchors or ())
        self._certificates = tuple(certificates)
        self._carried = carried
        self.now = now
        self._paths: dict[tuple[bytes, tuple[bytes, ...], datetime.datetime], str | None] = {}
        self._states: dict[tuple[bytes, tuple[bytes, ...], datetime.datetime], bool | None] = {}

    @property
    def carries_revocation(self) -> bool:
        return bool(self._carried.crls or self._carried.ocsp)

    def of_authority(self, authority: Description, others: tuple[bytes, ...]) -> str | None:
        """Why a time-stamp authority is not trusted now; None where it is. `others`: DER beside its certificate."""
        problem = self._path_problem(authority, self.now, others)
        if problem is None and self._not_revoked(authority, self.now, others) is False:
            return "certificate_revoked"
        return problem

    def of_signer(
        self, certificate: Description, claimed: datetime.datetime | None, proven: datetime.datetime | None
    ) -> list[str]:
        """Reasons for now; where something expired since the signature was there for certain, for that moment."""
        reasons = self._reasons(certificate, self.now)
        if proven is not None:
            if _OVER & set(reasons):
                reasons = self._reasons(certificate, proven)
            elif proven < certificate.not_before:
                reasons.append("not_yet_valid")
        # The private key's own period is about the moment of signing, for which there may be no more than a claim.
        used = problems(certificate, proven or claimed or self.now)
        return [*reasons, *(problem for problem in used if problem in _KEY_PERIOD)]

    def not_revoked(self, certificate: Description, proven: datetime.datetime | None) -> bool | None:
        """By what the signature carries, at the proven moment or now; see `revocation.state`."""
        return self._not_revoked(certificate, proven or self.now, ())

    def _reasons(self, certificate: Description, moment: datetime.datetime) -> list[str]:
        found = [_PROBLEMS.get(one, one) for one in problems(certificate, moment) if one not in _KEY_PERIOD]
        problem = self._path_problem(certificate, moment, ())
        return [*found, problem] if problem else found

    def _path_problem(
        self, certificate: Description, moment: datetime.datetime, others: tuple[bytes, ...]
    ) -> str | None:
        if not self._anchors:
            return "no_anchors"
        key = (certificate.der, others, moment)
        if key not in self._paths:
            known = (*others, *self._certificates)
            self._paths[key] = path_problem(certificate, known, self._anchors, moment)
        return self._paths[key]

    def _not_revoked(
        self, certificate: Description, moment: datetime.datetime, others: tuple[bytes, ...]
    ) -> bool | None:
        key = (certificate.der, others, moment)
        if key not in self._states:
            known = (*others, *self._certificates, *self._anchors)
            self._states[key] = revocation.state(certificate, known, self._carried, (moment, self.now))
        return self._states[key]
