"""Pictures of the doctor's window: ``python -m tests.harness.screenshots_doctor [FOLDER]`` (build/screenshots).

Both languages, light and dark, at 100 and 200 %, with findings of a machine on which several things are wrong.
"""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path

from agent.desktop.doctor_messages import Examined, Mendable, Row, ShowDoctor
from agent.desktop.window_process import open_window
from agent.diagnostics import base, report
from agent.diagnostics.checks import CHECKS
from agent.diagnostics.probes.cards import View
from agent.texts.catalogue import text
from tests.harness.diagnosed import PLACES, Fake, FakeCards, certificate, token
from tests.harness.display import Display
from tests.harness.person import Person
from tests.harness.screenshots import FOLDER, dark_desktop


async def examined(language: str) -> Examined:
    fake = Fake()
    fake.cards = FakeCards(View("stopped"))
    fake.tokens = [token(pin_final_try=True)]
    fake.certificates = [certificate(), certificate(-400, -3)]
    fake.files[PLACES["chromium"]] = b"{"
    findings = report.worst_first(await base.run(CHECKS, fake))
    rows = tuple(
        Row(
            finding.id,
            text(f"area.{finding.area}.title", language),
            finding.status,
            report.wording(finding, language),
            report.why(finding, language),
            report.advice(finding, language),
            "service" if finding.id == "pcsc.service" else "",
        )
        for finding in findings
    )
    repair = Mendable("service", "pcscd", ("/usr/bin/pkexec /usr/bin/systemctl start pcscd.socket",), True)
    return Examined(report.summary(findings, language), rows, (repair,))


async def picture(person: Person, language: str, folder: Path, *, dark: bool, scale: int) -> None:
    environment = person.display.environment | (dark_desktop(folder) if dark else {}) | {"QT_SCALE_FACTOR": str(scale)}
    async with open_window(ShowDoctor(language), environment) as window:
        shown = await person.wait_for_window("Pero")
        found = await examined(language)
        await window.tell(found)
        await person.reads(found.summary)
        name = f"doctor-{language}{'-dark' if dark else ''}{'-200' if scale == 2 else ''}.png"
        await person.screenshot(folder / name, window=shown)


async def main(folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    with Display(size=(1600, 1400)) as display:
        for language in ("ru", "en"):
            for dark in (False, True):
                for scale in (1, 2):
                    await picture(Person(display), language, folder, dark=dark, scale=scale)


if __name__ == "__main__":
    asyncio.run(main(Path(sys.argv[1]) if len(sys.argv) > 1 else FOLDER))
