"""``caravan``: the verbs and their order in the help."""

import typer

from cli.verbs.acl import acl
from cli.verbs.backup import backup, restore
from cli.verbs.bench_load import bench_load
from cli.verbs.cancel import cancel
from cli.verbs.doctor import doctor
from cli.verbs.explain import explain
from cli.verbs.generate import generate
from cli.verbs.jobs import jobs
from cli.verbs.login import login, logout
from cli.verbs.stack import down, flower, up
from cli.verbs.status import status
from cli.verbs.token import token
from cli.verbs.watch import watch

_ASK, _LOOK, _OPERATE = "Ask", "Look", "Operate"

_PANELS = {
    _ASK: (login, logout, token, generate, explain, watch, cancel),
    _LOOK: (jobs, status, doctor),
    _OPERATE: (bench_load, up, down, backup, restore, acl),
}

_EPILOG = (
    "Exit status: 0 done, 1 the job failed, 2 wrong usage, 3 not logged in, "
    "4 refused by limits, 5 unreachable, 130 interrupted. More: docs/cli.md."
)


def create_app() -> typer.Typer:
    """The whole command line."""
    app = typer.Typer(
        help="Caravan: a durable queue in front of quantized Llama models.",
        epilog=_EPILOG,
        no_args_is_help=True,
        pretty_exceptions_enable=False,
        context_settings={"help_option_names": ["-h", "--help"]},
    )
    for panel, verbs in _PANELS.items():
        for verb in verbs:
            app.command(verb.__name__.replace("_", "-"), rich_help_panel=panel)(verb)
    app.command("flower", hidden=True)(flower)
    return app
