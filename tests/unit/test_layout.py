"""The shape of the project itself: folders, tables and what stands in tracked files."""

from __future__ import annotations

import ast
import importlib
import importlib.util
import re
import subprocess
import tomllib
from pathlib import Path

import pytest

from agent.api.methods import METHODS
from agent.cli.main import COMMANDS
from agent.diagnostics.checks import CHECKS
from agent.texts.catalogue import DOMAINS, LANGUAGES

ROOT = Path(__file__).resolve().parents[2]
FOLDERS = {"agent", "native_host", "browser_extension", "certs", "packaging", "tests", ".ci"}
LOCKS = ROOT / "packaging" / "linux" / "locks"

# Written in pieces, so that this file does not hold what it looks for.
REGISTRIES = re.compile(
    "|".join(
        (
            "pypi" + r"\.org/(simple|pypi)",
            "python" + r"hosted\.org",
            "registry" + r"\.npmjs",
            "registry" + r"\.yarnpkg",
            "deb" + r"\.debian\.org",
            "security" + r"\.debian\.org",
            "--(extra-)?" + "index-url",
            "--find" + "-links",
            '"resol' + 'ved":',
        )
    )
)
MACHINE_PATHS = re.compile(
    r"(?<![\w.~/-])/(" + "|".join(("wo" + "rk", "ro" + "ot", "tmp/br" + "ief", "opt/wh" + "eels")) + r")/"
)


def tracked(pattern: str = "") -> list[Path]:
    """The files that git knows, relative to the root, and that still stand."""
    command = ["git", "ls-files", "-z", *([pattern] if pattern else [])]
    listed = subprocess.run(command, cwd=ROOT, check=True, capture_output=True).stdout.decode()
    return [Path(name) for name in listed.split("\0") if name and (ROOT / name).is_file()]


def lines_with(pattern: re.Pattern[str]) -> list[str]:
    """FILE:LINE of every tracked line of text that holds the pattern."""
    found = []
    for path in tracked():
        try:
            text = (ROOT / path).read_text("utf-8")
        except UnicodeDecodeError:
            continue
        found += [f"{path}:{number}" for number, line in enumerate(text.splitlines(), 1) if pattern.search(line)]
    return found


def test_the_top_level_holds_the_fixed_folders_and_no_other() -> None:
    assert {path.parts[0] for path in tracked() if len(path.parts) > 1} == FOLDERS


def test_packaging_is_no_python_package_for_it_would_shadow_the_one_that_tools_import() -> None:
    assert not list((ROOT / "packaging").rglob("__init__.py"))
    found = importlib.util.find_spec("packaging.version")
    assert found is not None
    assert ROOT / "packaging" not in Path(str(found.origin)).parents


def test_no_tracked_file_names_a_package_registry() -> None:
    assert lines_with(REGISTRIES) == []


def test_no_tracked_file_names_a_path_of_the_machine_it_was_written_on() -> None:
    assert lines_with(MACHINE_PATHS) == []


def test_every_python_file_says_what_it_is_for() -> None:
    silent = [
        path for path in tracked("*.py") if ast.get_docstring(ast.parse((ROOT / path).read_text("utf-8"))) is None
    ]
    assert silent == []


def test_every_python_package_is_listed_for_installing() -> None:
    listed = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["tool"]["setuptools"]["packages"]
    folders = {path.parent for path in tracked("*.py") if path.parts[0] in ("agent", "native_host")}
    assert sorted(listed) == sorted(".".join(folder.parts) for folder in folders)


def test_commands_and_their_table_agree() -> None:
    modules = {f"agent.cli.{path.stem}" for path in (ROOT / "agent" / "cli").glob("*.py") if defines_command(path)}
    assert modules == set(COMMANDS.values())
    for module in COMMANDS.values():
        assert importlib.import_module(module).command


def defines_command(path: Path) -> bool:
    """Whether a module has a function named `command` at its top level."""
    body = ast.parse(path.read_text("utf-8")).body
    return any(isinstance(node, ast.FunctionDef) and node.name == "command" for node in body)


def test_methods_and_their_table_agree() -> None:
    assert sorted(method.name for method in METHODS) == modules_in("agent/api/methods")


def test_checks_and_their_table_agree() -> None:
    assert sorted(check.id.replace(".", "_") for check in CHECKS) == modules_in("agent/diagnostics/checks")


def modules_in(folder: str) -> list[str]:
    """The names of a folder's modules, sorted, `__init__` left out."""
    return sorted(path.stem for path in (ROOT / folder).glob("*.py") if path.stem != "__init__")


def test_every_domain_of_wordings_has_a_catalogue_in_each_language() -> None:
    folder = ROOT / "agent" / "texts" / "locale"
    wanted = {f"{language}/LC_MESSAGES/{domain}.po" for language in LANGUAGES for domain in DOMAINS}
    assert {path.relative_to(folder).as_posix() for path in folder.rglob("*.po")} == wanted


@pytest.mark.parametrize("name", ["runtime", "test", "check"])
def test_every_locked_package_has_one_version_and_its_hashes(name: str) -> None:
    entries = re.split(r"\n(?=[a-z0-9])", (LOCKS / f"{name}.txt").read_text("utf-8").split("#\n")[-1])
    assert len(entries) > 20
    for entry in entries:
        assert re.match(r"[a-z0-9.-]+==[\w.+]+ \\\n +--hash=sha256:[0-9a-f]{64}", entry), entry


def test_the_smaller_locks_hold_the_same_versions_as_the_largest() -> None:
    runtime, test, check = (locked(name) for name in ("runtime", "test", "check"))
    assert runtime.items() <= test.items() <= check.items()


def test_every_dependency_is_locked() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    extras = project["optional-dependencies"]
    assert names(project["dependencies"]) | names(extras["build"]) <= locked("runtime").keys()
    assert names(extras["test"]) <= locked("test").keys()
    assert names(extras["check"]) <= locked("check").keys()


def locked(name: str) -> dict[str, str]:
    """Package and version of every entry of a lock file."""
    return dict(re.findall(r"^([a-z0-9.-]+)==(\S+)", (LOCKS / f"{name}.txt").read_text("utf-8"), re.MULTILINE))


def names(requirements: list[str]) -> set[str]:
    """The normalised package names of requirements (PEP 503)."""
    return {re.sub(r"[-_.]+", "-", re.split(r"[<>=!~;\[ ]", one)[0]).lower() for one in requirements}


def test_scripts_can_be_run() -> None:
    scripts = [*tracked("*.sh"), Path(".ci/run")]
    assert [path for path in scripts if not (ROOT / path).stat().st_mode & 0o100] == []


def test_continuous_integration_checks_and_tests_and_fails_with_either() -> None:
    lines = (ROOT / ".ci" / "run").read_text("utf-8").splitlines()
    commands = [line for line in lines if line.startswith("make ")]
    assert commands == ["make check || failed=1", "make test || failed=1"]
    assert lines[-1] == 'exit "$failed"'
