"""``down``: drain and stop what ``up`` started."""

from cli.settings import LauncherSettings
from cli.supervisor import Stage, Supervisor, SupervisorError
from cli.terminal import fail, say


def down(settings: LauncherSettings) -> int:
    """Stop the stack of this state directory, if one runs; return the exit status."""
    supervisor = Supervisor(settings.state)
    if supervisor.stage() is Stage.ABSENT:
        say("Caravan is not running.")
        return 0
    return stop(supervisor)


def stop(supervisor: Supervisor) -> int:
    """Let every process finish what it does, and wait for that."""
    if supervisor.stage() is Stage.ABSENT:
        return 0
    say("Stopping: running jobs finish or go back to the queue ...")
    try:
        supervisor.shutdown()
    except SupervisorError as error:
        fail(str(error))
        return 1
    except KeyboardInterrupt:
        say("It goes on stopping by itself.")
        return 130
    say("Stopped.")
    return 0
