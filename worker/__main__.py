"""``python -m worker inference | maintenance``."""

import argparse
import sys
import warnings

from celery.exceptions import SecurityWarning

from common.logs import configure_logs
from common.settings import read_settings
from worker.inference import InferenceWorker
from worker.maintenance import run_maintenance
from worker.settings import WorkerSettings


def main() -> int:
    """Run one role until it is told to stop."""
    parser = argparse.ArgumentParser(prog="python -m worker", description=__doc__)
    parser.add_argument("role", choices=["inference", "maintenance"])
    role = parser.parse_args().role
    settings = read_settings(WorkerSettings)
    configure_logs(settings.effective_log_level, f"worker-{role}")
    # Celery warns a root user of pickle; only JSON is accepted here.
    warnings.simplefilter("ignore", SecurityWarning)
    if role == "maintenance":
        run_maintenance(settings)
        return 0
    return InferenceWorker(settings).run()


if __name__ == "__main__":
    sys.exit(main())
