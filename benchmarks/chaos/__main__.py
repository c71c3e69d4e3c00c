"""``python -m benchmarks.chaos``: every scenario, one table; exit status 1 on a broken promise."""

import shutil
import signal
import sys
import tempfile
import time
from pathlib import Path

from benchmarks.chaos.report import save, table
from benchmarks.chaos.result import Result, Spread
from benchmarks.chaos.scenarios import SCENARIOS
from benchmarks.chaos.settings import ChaosSettings


def main() -> int:
    """Run what CHAOS_SCENARIOS names, or all; return the exit status."""
    settings = ChaosSettings()
    names = settings.scenarios or tuple(SCENARIOS)
    unknown = [name for name in names if name not in SCENARIOS]
    if unknown:
        say(f"CHAOS_SCENARIOS: {', '.join(unknown)}; known: {', '.join(SCENARIOS)}")
        return 2
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # leave no process behind
    began = time.monotonic()
    directory = Path(tempfile.mkdtemp(prefix="chaos-"))
    results = [run(name, settings, directory) for name in names]
    say("\n" + table(results))
    say(f"\nSaved as {save(results, settings, time.monotonic() - began)}")
    broken = [f"{result.scenario}: {what}" for result in results for what in result.broken]
    if broken:
        say("\nBroken promises:\n" + "\n".join(broken[:50]))
        say(f"\nLogs: {directory}")
        return 1
    shutil.rmtree(directory)
    return 0


def run(name: str, settings: ChaosSettings, directory: Path) -> Result:
    """Run one scenario and say how it went."""
    scenario = SCENARIOS[name]
    say(f"{name}: {(scenario.__doc__ or '').strip()}")
    try:
        result = scenario(settings, directory / name)
    except Exception as error:  # noqa: BLE001 - the other scenarios still run
        nothing = Spread(0)
        broken = (f"did not run: {error!r}",)
        result = Result(name, 0, 0, 0, 0, 0, nothing, nothing, 0.0, broken=broken)
    say(
        f"  {result.accepted} accepted, {result.lost} lost, {result.double_terminals} ended "
        f"twice, {len(result.broken)} broken promises, {result.seconds:.0f} s"
    )
    return result


def say(text: str) -> None:
    """Show a line at once."""
    print(text, flush=True)  # noqa: T201 - its job is to print


if __name__ == "__main__":
    sys.exit(main())
