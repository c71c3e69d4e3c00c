"""The scenarios, in the order in which they run."""

from collections.abc import Callable, Mapping
from pathlib import Path

from benchmarks.chaos.result import Result
from benchmarks.chaos.scenarios.baseline import stock, stock_tuned
from benchmarks.chaos.scenarios.gateway import gateway
from benchmarks.chaos.scenarios.model import model
from benchmarks.chaos.scenarios.network import blackhole
from benchmarks.chaos.scenarios.poison import poison
from benchmarks.chaos.scenarios.store import always, cut, everysec, outage
from benchmarks.chaos.scenarios.webhooks import webhooks
from benchmarks.chaos.scenarios.workers import drain, kill, pause, unseen
from benchmarks.chaos.settings import ChaosSettings

#: Runs in an empty directory of its own.
Scenario = Callable[[ChaosSettings, Path], Result]

SCENARIOS: Mapping[str, Scenario] = {
    "kill": kill,
    "unseen": unseen,
    "pause": pause,
    "everysec": everysec,
    "always": always,
    "cut": cut,
    "outage": outage,
    "blackhole": blackhole,
    "gateway": gateway,
    "poison": poison,
    "drain": drain,
    "webhooks": webhooks,
    "model": model,
    "celery": stock,
    "celery-tuned": stock_tuned,
}
