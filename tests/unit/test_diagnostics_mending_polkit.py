"""The rule that a repair writes, as a real polkitd understands it."""

from __future__ import annotations

import contextlib
import pwd
import subprocess
from collections.abc import Iterator

from agent.diagnostics.mending.actions import ACTIONS
from tests.harness.polkit import CLIENT, polkit

OTHER = 1  # daemon


@contextlib.contextmanager
def somebody(user: int) -> Iterator[int]:
    """A process of that user; its number."""
    with subprocess.Popen(["sleep", "120"], user=user, group=user) as process:
        yield process.pid
        process.kill()


def test_polkitd_lets_this_user_in_and_nobody_else_until_the_rule_goes() -> None:
    rule = ACTIONS["polkit_rule"].do(f"{CLIENT}:{pwd.getpwuid(CLIENT).pw_name}").given.decode()
    with polkit() as judge, somebody(CLIENT) as ours, somebody(OTHER) as other:
        assert [judge.authorized(ours), judge.authorized(other)] == [False, False]
        judge._rule(rule)
        assert [judge.authorized(ours), judge.authorized(other)] == [True, False]
        judge._rule("")
        assert not judge.authorized(ours)
