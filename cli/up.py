"""``up``: start everything, wait until it can answer, and show that it does."""

from cli.answer import NoAnswerError, ask
from cli.down import stop
from cli.launch import NotStartedError, launch
from cli.production import with_secrets
from cli.readiness import NotReadyError, wait_until_ready
from cli.settings import LauncherSettings
from cli.stack import Stack
from cli.supervisor import Stage, Supervisor, SupervisorError
from cli.terminal import fail, say, shown
from cli.watch import watch


def up(settings: LauncherSettings, *, detach: bool) -> int:
    """Bring the stack up and show a first answer; return the exit status.

    Detached it returns with the stack running; else it stays until Ctrl-C, and drains.
    """
    supervisor = Supervisor(settings.state)
    if supervisor.stage() is Stage.STOPPING:
        stop(supervisor)
    if supervisor.stage() is Stage.RUNNING:
        say("Caravan is already running; `make stop` stops it.")
        say(Stack.read(settings.state).describe(settings))
        return 0
    settings, made = with_secrets(settings)
    try:
        launch(settings, supervisor, made)
    except (NotStartedError, SupervisorError) as error:
        fail(str(error))
        return 1
    try:
        return serve(settings, supervisor, detach=detach)
    except (NotReadyError, SupervisorError) as error:
        fail(str(error))
        stop(supervisor)
        return 1
    except KeyboardInterrupt:
        return stop(supervisor)


def serve(settings: LauncherSettings, supervisor: Supervisor, *, detach: bool) -> int:
    """Wait until it can answer, let it answer, and stay with it unless detached."""
    wait_until_ready(settings, supervisor, say)
    answered = first_answer(settings)
    say(Stack.read(settings.state).describe(settings))
    if detach:
        say("It stays up; `make stop` stops it.")
        return 0 if answered else 1
    say("Ctrl-C stops it.")
    watch(supervisor, say)
    return 0


def first_answer(settings: LauncherSettings) -> bool:
    """Show one explanation as it is written; whether there was one."""
    say("Explain the sentiment for AAPL: score 0.75, price 150.0, IV rank 65\n")
    try:
        with shown() as show:
            answer = ask(settings, show)
    except NoAnswerError as error:
        fail(f"No first answer: {error}")
        return False
    say(f"\n  {answer.timings()}\n")
    return True
