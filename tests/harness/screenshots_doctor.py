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
from tests.harness.screenshots import FOLDER, SCREENS, VARIANTS, Variant, dark_desktop


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


async def picture(person: Person, variant: Variant, folder: Path) -> None:
    environment = person.display.environment | (dark_desktop(folder) if variant.dark else {})
    show = ShowDoctor(variant.language)
    async with open_window(show, environment | {"QT_SCALE_FACTOR": str(variant.scale)}) as window:
        shown = await person.wait_for_window("Pero")
        found = await examined(variant.language)
        await window.tell(found)
        await person.reads(found.summary)
        await person.screenshot(folder / f"doctor-{variant}.png", window=shown)


async def main(folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    for variant in VARIANTS:
        with Display(size=SCREENS[variant.scale]) as display:
            await picture(Person(display), variant, folder)


if __name__ == "__main__":
    asyncio.run(main(Path(sys.argv[1]) if len(sys.argv) > 1 else FOLDER))
