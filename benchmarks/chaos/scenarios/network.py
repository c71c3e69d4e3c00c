"""The network between the processes and the store goes silent."""

import time
from pathlib import Path

from benchmarks.chaos.result import Result
from benchmarks.chaos.scenarios.store import expect_one_attempt, start_long_jobs
from benchmarks.chaos.settings import ChaosSettings
from benchmarks.chaos.trial import Trial
from benchmarks.relay import Relay

SILENT_SECONDS = 30.0


def blackhole(settings: ChaosSettings, directory: Path) -> Result:
    """No connection breaks and nothing comes through for 30 s; what was sent arrives late."""
    with Trial("blackhole", directory, settings.seed, ECHO_TOKENS_PER_SECOND="10") as trial:
        relay = Relay(trial.valkey.port)
        relay.start()
        trial.service.connect_through(f"redis://127.0.0.1:{relay.port}/0")
        trial.start(workers=2)
        long = start_long_jobs(trial, tokens=350)
        trial.submit(trial.orders(settings.at_most(40), lambda n: 5 + n % 5), per_second=4)
        relay.silence()
        time.sleep(SILENT_SECONDS)
        relay.speak()
        trial.wait_for_the_end(120)
        expect_one_attempt(trial, long)
        result = trial.result()
        relay.stop()
        return result
