"""``caravan cancel``: end jobs."""

from typing import Annotated

import typer

from cli.options import Json, Url


def cancel(
    job_ids: Annotated[list[str], typer.Argument(metavar="ID...", help="One or several.")],
    as_json: Json = False,
    url: Url = None,
) -> None:
    """Cancel jobs, whether they wait or run.

    --json prints each job on a line of its own.
    """
    from cli.client.connect import connect
    from cli.exits import ExitCode
    from cli.faults import Failed, Misused
    from cli.screen.screen import Screen, on_screen

    def work(screen: Screen) -> int:
        status = ExitCode.OK
        with connect(url) as gateway:
            for job_id in job_ids:
                try:
                    job = gateway.delete(f"/jobs/{job_id}")
                except (Failed, Misused) as fault:  # had ended, or never was: the others matter too
                    screen.fault(fault)
                    status = ExitCode.FAILED
                    continue
                screen.event(job) if screen.as_json else screen.print(f"{job_id} is cancelled.")
        return status

    raise typer.Exit(on_screen(work, as_json=as_json))
