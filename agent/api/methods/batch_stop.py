"""`batch_stop`: no more of a batch is signed. What is done is kept, and fetched by `batch_next`."""

from __future__ import annotations

from typing import Any

import msgspec

from agent.api.batches import withdraw
from agent.api.caller import Caller
from agent.api.method import Method
from agent.api.methods.batch_next import PAGE_AND_COMMAND, BatchId
from agent.api.services import Services


class Parameters(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    batch: BatchId


async def batch_stop(services: Services, caller: Caller, parameters: Parameters) -> dict[str, Any]:
    """Raises BadParameters."""
    withdraw(services.batches.of(caller, parameters.batch))
    return {}


METHOD = Method("batch_stop", PAGE_AND_COMMAND, Parameters, batch_stop)
