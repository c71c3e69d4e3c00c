"""The gateway dies while clients submit."""

import time
from pathlib import Path
from random import Random

from benchmarks.chaos.result import Result
from benchmarks.chaos.settings import ChaosSettings
from benchmarks.chaos.trial import Trial


def gateway(settings: ChaosSettings, directory: Path) -> Result:
    """SIGKILL the gateway in a storm of submits, each repeated with its key until accepted."""
    random = Random(settings.seed)
    with Trial("gateway", directory, settings.seed) as trial:
        trial.start(workers=2)
        crowd = trial.submit(
            trial.orders(settings.at_most(600), lambda n: 5 + n % 20), clients=6, per_second=60
        )
        kills = 0
        while crowd.busy():
            time.sleep(random.uniform(0.5, 1.5))
            trial.service.gateway.kill()
            trial.service.start_gateway()
            trial.service.wait_for_the_gateway()
            kills += 1
        trial.wait_for_the_end(60)
        trial.notes.append(f"the gateway was killed {kills} times")
        return trial.result()
