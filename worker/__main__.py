"""``python -m worker inference | webhooks | maintenance``."""

import argparse
import sys
import warnings
from collections.abc import Sequence
from contextlib import closing

from celery.exceptions import SecurityWarning

from common.logs import configure_logs
from common.settings import read_settings
from common.tracing import open_tracing
from worker.settings import WorkerSettings


def run_inference(settings: WorkerSettings) -> int:
    from worker.inference import InferenceWorker

    with closing(open_tracing(settings, "inference")) as tracing:
        return InferenceWorker(settings, tracing).run()


def run_webhooks(settings: WorkerSettings) -> int:
    from worker.webhooks.worker import WebhookWorker

    with closing(open_tracing(settings, "webhooks")) as tracing:
        return WebhookWorker(settings, tracing).run()


def run_maintenance(settings: WorkerSettings) -> int:
    from worker.maintenance import run_maintenance

    run_maintenance(settings)
    return 0


#: Each imports only what it needs: a webhook worker is a light process.
ROLES = {"inference": run_inference, "webhooks": run_webhooks, "maintenance": run_maintenance}


def read_arguments(arguments: Sequence[str] | None = None) -> tuple[str, WorkerSettings]:
    """The role, and the settings of the environment with what the command line says."""
    parser = argparse.ArgumentParser(prog="python -m worker", description=__doc__)
    parser.add_argument("role", choices=list(ROLES))
    parser.add_argument(
        "--autotune", action="store_true", help="the same as LLAMACPP_AUTOTUNE=true"
    )
    asked = parser.parse_args(arguments)
    settings = read_settings(WorkerSettings)
    if asked.autotune:
        settings = settings.model_copy(update={"llamacpp_autotune": True})
    return asked.role, settings


def main() -> int:
    """Run one role until it is told to stop."""
    role, settings = read_arguments()
    configure_logs(settings.log_style, f"worker-{role}")
    # Celery warns a root user of pickle; only JSON is accepted here.
    warnings.simplefilter("ignore", SecurityWarning)
    return ROLES[role](settings)


if __name__ == "__main__":
    sys.exit(main())
