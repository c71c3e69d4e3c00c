"""``caravan doctor``: what ails this installation, and the fix."""

from typing import Annotated

import typer

from cli.options import Json


def doctor(
    egress: Annotated[
        str, typer.Option(metavar="HOST[:PORT]", help="What webhooks should be able to reach.")
    ] = "example.com",
    as_json: Json = False,
) -> None:
    """Check ports, store, model, GPU, clocks, secrets, workers and the way out.

    Run it with the settings of the service (make run NAME=value, the container's environment).
    The exit status is 1 if anything failed; warnings do not count.
    """
    from cli.doctor.examination import examine
    from cli.doctor.finding import Level
    from cli.doctor.scene import Scene
    from cli.doctor.settings import DoctorSettings
    from cli.screen.doctor import finding_text, summary
    from cli.screen.screen import Screen, on_screen
    from common.settings import read_settings

    settings = read_settings(DoctorSettings)

    def work(screen: Screen) -> int:
        findings = []
        for finding in examine(Scene.of(settings, egress)):
            findings.append(finding)
            if not screen.as_json:
                screen.print(finding_text(finding))
        failed = any(finding.level is Level.FAIL for finding in findings)
        if screen.as_json:
            screen.json({"ok": not failed, "checks": [finding.body() for finding in findings]})
        else:
            screen.tell(summary(findings))
        return 1 if failed else 0

    raise typer.Exit(on_screen(work, as_json=as_json))
