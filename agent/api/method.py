"""What a method is."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any, NamedTuple

import msgspec

from agent.api.caller import Role


class Nothing(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The parameters of a method that takes none."""


class Method(NamedTuple):
    """One row of METHODS. `handle(services, caller, parameters)` returns what JSON can carry, or raises PeroError."""

    name: str
    roles: frozenset[Role]
    parameters: type[Any]
    handle: Callable[[Any, Any, Any], Awaitable[Any]]
    before_consent: bool = False  # open to origins that the person has not allowed
    leads_to_person: bool = False  # the person is likely to be asked for a signature soon


PAGE = frozenset({Role.PAGE})
COMMAND = frozenset({Role.COMMAND})
EVERYBODY = frozenset(Role)
