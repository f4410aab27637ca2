"""Which operation a task is, and what is read without a login."""

from __future__ import annotations

from agent.model import TokenState
from agent.tokens import login, messages, objects, tasks
from agent.tokens.backend import PinOperation
from agent.tokens.importing import Importing
from agent.tokens.inventory import TokenObjects
from agent.tokens.key_pairs import Generating
from agent.tokens.pins import Changing, Unblocking
from agent.tokens.pkcs11 import Module, Session, TokenInfo
from agent.tokens.requests import Requesting
from agent.tokens.work import OneLogin, Step, Work
from agent.tokens.writes import Deleting, Renaming, WritingCertificate


class Reading:
    """Everything, the private objects too."""

    writes = False

    def __init__(self, token: TokenState) -> None:
        self._token = token

    def check(self, module: Module, slot: int, info: TokenInfo) -> None:
        pass

    def act(self, work: Work) -> messages.Done:
        return _inventory(work.number, self._token, work.info, work.session, complete=True)


def begin(module: Module, request: messages.Manage) -> PinOperation:
    """The operation that asks for its secrets and does the task."""
    match request.task:
        case tasks.ChangePin():
            return Changing(module, request)
        case tasks.Unblock():
            return Unblocking(module, request, request.task)
        case tasks.ImportKeyFile():
            return Importing(module, request, request.task)
        case _:
            return OneLogin(module, request, _step(request))


def _step(request: messages.Manage) -> Step:
    match request.task:
        case tasks.Generate():
            return Generating(request.task)
        case tasks.MakeRequest():
            return Requesting(request.task)
        case tasks.WriteCertificate():
            return WritingCertificate(request.task)
        case tasks.Rename(name=name, label=label):
            return Renaming(name, label)
        case tasks.Delete(names=names):
            return Deleting(names)
        case _:
            return Reading(request.token)


def read_public(module: Module, request: messages.Manage) -> messages.Done:
    """What can be seen without a login. Raises TokenAbsent."""
    slot, info = login.find_token(module, request.token)
    with module.session(slot, info.label) as session:
        return _inventory(request.id, request.token, info, session, complete=False)


def _inventory(number: int, token: TokenState, info: TokenInfo, session: Session, *, complete: bool) -> messages.Done:
    found = TokenObjects(token, objects.read_all(session), complete, info.free_memory)
    return messages.Done(number, inventory=found)
