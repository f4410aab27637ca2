"""What is remembered of keys whose making was cut short: nothing that is being made, and each for its own token."""

from __future__ import annotations

from pathlib import Path

from agent.model import TokenState
from agent.tokens.unfinished import Unfinished

ONE = TokenState(label="one", serial="1", manufacturer="", model="", module="/module.so", slot=0)
OTHER = TokenState(label="other", serial="2", manufacturer="", model="", module="/module.so", slot=1)


def test_a_key_that_is_being_made_is_nobodys_to_take_away(tmp_path: Path) -> None:
    unfinished = Unfinished(tmp_path / "keys")
    unfinished.begin(ONE, "aa")
    assert unfinished.of(ONE) == ()
    assert Unfinished(tmp_path / "keys").of(ONE) == ("aa",), "after an end of the agent it is"
    unfinished.end("aa")
    assert (unfinished.of(ONE), unfinished.of(OTHER)) == (("aa",), ())
    unfinished.forget(OTHER, ["aa"])
    assert unfinished.of(ONE) == ("aa",)
    unfinished.forget(ONE, ["aa"])
    assert Unfinished(tmp_path / "keys").of(ONE) == ()


def test_a_folder_that_cannot_be_written_stops_nothing(tmp_path: Path) -> None:
    unfinished = Unfinished(tmp_path / "absent" / "keys")
    unfinished.begin(ONE, "aa")
    unfinished.end("aa")
    assert unfinished.of(ONE) == ("aa",)
