"""`batch_next`: what became of the documents of a batch, as it comes."""

from __future__ import annotations

import contextlib
from typing import Annotated, Any

import msgspec

from agent.api.caller import Caller, Role
from agent.api.method import Method
from agent.api.services import Services
from agent.errors import FileUnwritable, PeroError

PAGE_AND_COMMAND = frozenset({Role.PAGE, Role.COMMAND})
BatchId = Annotated[str, msgspec.Meta(pattern="^[0-9a-f]{32}$")]


class Parameters(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    batch: BatchId
    after: Annotated[int, msgspec.Meta(ge=0, lt=1 << 31)] = 0  # how many results have come


async def batch_next(services: Services, caller: Caller, parameters: Parameters) -> dict[str, Any]:
    """Waits until there is something to tell. Raises BadParameters, and what ended the batch before all was done."""
    batch = services.batches.of(caller, parameters.batch)
    batch.check(parameters.after)
    try:
        answer = await batch.next(parameters.after)
    except PeroError:
        services.batches.drop(batch)
        raise
    if caller.role is Role.PAGE and answer["results"]:
        with contextlib.suppress(FileUnwritable):  # as `sign` has it
            services.origins.used(caller.origin, services.now())
    return answer


METHOD = Method("batch_next", PAGE_AND_COMMAND, Parameters, batch_next)
