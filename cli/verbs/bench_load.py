"""``caravan bench-load``: how fast a service answers when many ask."""

from typing import Annotated

import typer

from cli.options import Json, PriorityName, Url


def bench_load(
    jobs: Annotated[int | None, typer.Option("--jobs", min=1, help="Jobs in all [100].")] = None,
    seconds: Annotated[float | None, typer.Option(min=0.1, help="Or go on for so long.")] = None,
    concurrency: Annotated[
        int, typer.Option("--concurrency", "-c", min=1, max=512, help="Clients, a job each.")
    ] = 3,
    prompt: Annotated[str, typer.Option(help="What each asks.")] = "The future of AI is",
    max_tokens: Annotated[
        int, typer.Option("--max-tokens", "-n", min=1, help="Of each answer.")
    ] = 50,
    priority: Annotated[
        PriorityName | None, typer.Option("--priority", "-p", help="Of every job.")
    ] = None,
    as_json: Json = False,
    url: Url = None,
) -> None:
    """Load the gateway in a closed loop; show rates and latencies.

    Refused submits wait for as long as Retry-After says and are counted. The exit status is 1
    unless every job completed; Ctrl-C lets the running ones end and reports.
    """
    from cli.client.connect import connect
    from cli.client.submission import body_of
    from cli.exits import ExitCode
    from cli.load.loop import Load, Loop
    from cli.screen.load import load_page, load_progress
    from cli.screen.screen import Screen, on_screen

    body = body_of(prompt=prompt, max_tokens=max_tokens, priority=priority)
    count = None if seconds and not jobs else jobs or 100
    load = Load("/generate", body, concurrency, count, seconds)

    def work(screen: Screen) -> int:
        with connect(url, connections=concurrency) as gateway:
            gateway.get("/jobs", limit=1)  # a wrong token is told before any thread starts
            with load_progress(screen, load.jobs) as count_one:
                report = Loop(gateway, load, count_one).run()
        if screen.as_json:
            screen.json(report.body())
        else:
            screen.print(load_page(report.body()))
        if report.interrupted:
            return ExitCode.INTERRUPTED
        return ExitCode.OK if report.clean else ExitCode.FAILED

    raise typer.Exit(on_screen(work, as_json=as_json))
