"""The benchmark's person agrees to everything at once: the shipped program must not be able to meet it."""

from __future__ import annotations

import ast
import tomllib
from pathlib import Path

import pytest

from agent.app import Composition
from agent.config import Locations
from agent.desktop.window_prompter import WindowPrompter
from tests.benchmarks.figures import Figure, table

ROOT = Path(__file__).resolve().parents[2]
SHIPPED = [path for folder in ("agent", "native_host") for path in sorted((ROOT / folder).rglob("*.py"))]


def test_no_shipped_package_holds_the_benchmark_or_imports_it() -> None:
    settings = tomllib.loads((ROOT / "pyproject.toml").read_text())
    packages = settings["tool"]["setuptools"]["packages"]
    assert {package.partition(".")[0] for package in packages} == {"agent", "native_host"}
    imported = set()
    for path in SHIPPED:
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.ImportFrom):
                imported.add(node.module or "")
            elif isinstance(node, ast.Import):
                imported |= {alias.name for alias in node.names}
    assert not {name for name in imported if name.partition(".")[0] == "tests"}


def test_the_shipped_program_composes_itself_without_naming_a_prompter() -> None:
    calls = [
        node
        for path in SHIPPED
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.Call) and ast.unparse(node.func).rpartition(".")[2] == "Composition"
    ]
    assert calls
    assert not {keyword.arg for call in calls for keyword in call.keywords} - {"policy", "queue", "now"}


def test_a_composition_without_a_prompter_asks_in_a_window(tmp_path: Path) -> None:
    environment = {"PERO_PROMPTER": "test", "PERO_HOME": str(tmp_path)}
    composition = Composition(environment, Locations(state=tmp_path, runtime=tmp_path))
    assert type(composition.prompter) is WindowPrompter


def test_a_goal_is_compared_with_the_median_and_the_tail_is_the_99th_percentile() -> None:
    figure = Figure("a call", [1.0] * 98 + [7.0, 9.0], goal=2.0, reference=Figure("raw", [0.5]))
    assert figure.row() == ("a call, ms", "1.00", "1.00", "7.00", "raw", "0.50", "2.0x", "+0.50", "<= 2", "ok")
    assert Figure("a call", [3.0], goal=2.0).row()[-1] == "over"
    assert "a call, ms" in table("Title", [figure])


@pytest.mark.parametrize("count", [1, 99, 100, 101, 1000])
def test_the_tail_of_so_many_samples_leaves_at_most_a_hundredth_above_it(count: int) -> None:
    tail = Figure("", list(map(float, range(count)))).p99
    assert sum(sample > tail for sample in range(count)) <= count // 100
