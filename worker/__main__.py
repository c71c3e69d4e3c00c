"""``python -m worker inference | webhooks | maintenance``."""

import argparse
import sys
import warnings
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


def main() -> int:
    """Run one role until it is told to stop."""
    parser = argparse.ArgumentParser(prog="python -m worker", description=__doc__)
    parser.add_argument("role", choices=list(ROLES))
    role = parser.parse_args().role
    settings = read_settings(WorkerSettings)
    configure_logs(settings.log_style, f"worker-{role}")
    # Celery warns a root user of pickle; only JSON is accepted here.
    warnings.simplefilter("ignore", SecurityWarning)
    return ROLES[role](settings)


if __name__ == "__main__":
    sys.exit(main())
