"""Versions and changed libraries out of a real rpm database, in a folder of the test's own."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from agent.diagnostics.checks import providers_intact, providers_plugins
from agent.diagnostics.probes.packages import Packages
from agent.diagnostics.probes.products import LinuxProducts
from tests.harness.diagnosed import Fake

SPEC = """
Name: cprocsp-pki-plugin-64
Version: 2.0.14589
Release: 1
Summary: As CryptoPro's package is called
License: none
BuildArch: noarch
%description
None.
%install
mkdir -p %{buildroot}/opt/cprocsp/lib/amd64
echo library > %{buildroot}/opt/cprocsp/lib/amd64/libnpcades.so
echo text > %{buildroot}/opt/cprocsp/lib/amd64/read.me
%files
/opt/cprocsp
"""
LIBRARY = "opt/cprocsp/lib/amd64/libnpcades.so"


def run(*order: str | Path) -> None:
    done = subprocess.run(list(map(str, order)), capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stderr


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A system with that package."""
    (tmp_path / "one.spec").write_text(SPEC)
    run("rpmbuild", "--quiet", "-bb", f"--define=_topdir {tmp_path / 'build'}", tmp_path / "one.spec")
    (package,) = (tmp_path / "build" / "RPMS").rglob("*.rpm")
    root = tmp_path / "root"
    (root / "var/lib/rpm").mkdir(parents=True)
    run("rpm", f"--root={root}", "--dbpath=/var/lib/rpm", "--initdb")
    run("rpm", f"--root={root}", "--dbpath=/var/lib/rpm", "--install", "--nodeps", package)
    return root


async def test_versions_and_changes_of_rpm_packages_are_told(root: Path) -> None:
    fake = Fake()
    fake.products = LinuxProducts(root)
    (finding,) = await providers_plugins.CHECK.examine(fake)
    assert (finding.case, finding.facts["version"]) == ("outdated", "2.0.14589-1")
    assert [one.case for one in await providers_intact.CHECK.examine(fake)] == ["intact"]
    (root / "opt/cprocsp/lib/amd64/read.me").write_text("changed")
    assert [one.case for one in await providers_intact.CHECK.examine(fake)] == ["intact"], "no library"
    (root / LIBRARY).write_text("changed")
    (finding,) = await providers_intact.CHECK.examine(fake)
    assert (finding.case, finding.facts) == ("changed", {"path": f"/{LIBRARY}"})
    (root / LIBRARY).write_text("library\n")
    assert [one.case for one in await providers_intact.CHECK.examine(fake)] == ["intact"]


def test_a_system_without_packages_has_none(tmp_path: Path) -> None:
    packages = Packages(tmp_path)
    assert packages.versions(["cprocsp-pki-plugin-64"]) == {}
    assert packages.changed(("cprocsp-",)) == []
