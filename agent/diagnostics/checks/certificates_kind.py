"""Is a GOST certificate formed as a qualified one, of which class, and are its numbers possible ones?
(rows 65 to 67)"""

from __future__ import annotations

from agent.certificates import gost_keys, holder, russian_numbers
from agent.certificates.description import Description
from agent.diagnostics.base import Check, Finding
from agent.diagnostics.held import held
from agent.diagnostics.probe import Probe

_CLASS = "1.2.643.100.113."
_NAMES = ("КС1", "КС2", "КС3", "КВ1", "КВ2", "КА1")  # classes of tools, in the order of their OIDs
_CHECKS = (
    ("inn", russian_numbers.is_inn), ("inn_le", russian_numbers.is_inn_le), ("ogrn", russian_numbers.is_ogrn),
    ("ogrnip", russian_numbers.is_ogrnip), ("snils", russian_numbers.is_snils),
)  # fmt: skip


async def examine(probe: Probe) -> list[Finding]:
    gost = [one for one in await held(probe) if one.described.key_type in gost_keys.TYPES]
    findings = []
    for one in gost:
        wrong = _impossible(one.described)
        if wrong:
            findings.append(Finding("certificates.kind", "number_wrong", "warning", {**one.facts, "number": wrong}))
        elif not holder.is_formed_as_qualified(one.described):
            findings.append(Finding("certificates.kind", "not_qualified", "ok", one.facts))
        else:
            facts = {**one.facts, "tools": _class(one.described)}
            findings.append(Finding("certificates.kind", "qualified", "ok", facts))
    return findings or [Finding("certificates.kind", "none", "not_applicable")]


def _class(certificate: Description) -> str:
    """The highest class of tools that the certificate may be used with."""
    ends = [policy.removeprefix(_CLASS) for policy in certificate.usage.policies if policy.startswith(_CLASS)]
    known = [int(end) for end in ends if end.isdecimal() and 1 <= int(end) <= len(_NAMES)]
    return _NAMES[max(known) - 1] if known else "?"


def _impossible(certificate: Description) -> str:
    """The kind of the first number whose check digits are wrong, as it stands in certificates; empty: none."""
    held_numbers = holder.numbers(certificate)
    for kind, possible in _CHECKS:
        if any(not possible(number) for number in getattr(held_numbers, kind)):
            return {"inn_le": "INNLE"}.get(kind, kind.upper())
    return ""


CHECK = Check("certificates.kind", examine, requires=("tokens.seen",))
