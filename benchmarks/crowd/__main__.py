"""``python -m benchmarks.crowd``: 1,000 streams and 5,000 long polls at one gateway.

One client process holds them all. First everybody waits and nothing happens: what does each
cost? Then the jobs run: does everybody hear everything, once, in order, and how late?
"""

import sys
from collections.abc import Sequence
from dataclasses import asdict

import uvloop

from benchmarks.crowd.settings import CrowdBenchSettings
from benchmarks.crowd.tally import Tally, delays, ends, tally
from benchmarks.crowd.trial import Found, running, trial
from benchmarks.percentile import percentile
from benchmarks.rows import Row, save

#: KB of gateway memory for each who waits.
MOST_KB = 40


def main() -> int:
    """Measure, save and print; exit status 1 where a goal is missed."""
    settings = CrowdBenchSettings()
    with running(settings) as scene:
        streams, polls, found = uvloop.run(trial(scene, settings))
        published = scene.published()
    together = tally(streams, polls, settings.tokens)
    late = delays(streams, published["chunks"])
    ended = ends([*streams, *polls], published["ends"])
    rows = _rows(together, found, late, ended)
    troubles = sorted({one.trouble for one in [*streams, *polls] if one.trouble})[:5]
    details = {"tally": asdict(together), "gateway": asdict(found), "troubles": troubles}
    return save("crowd", settings, rows, **details)


def _rows(together: Tally, found: Found, late: list[float], ended: list[float]) -> list[Row]:
    heard = together.received
    return [
        Row(
            "events lost, doubled or garbled, of those expected",
            f"{together.lost}, {together.doubled}, {together.garbled} of {together.expected}; "
            f"{together.received} received, {together.unanswered} clients without an end",
            "",
            None,
            "0",
            together.whole,
        ),
        _memory("an event stream", found.kb_a_stream),
        _memory("a long poll", found.kb_a_poll),
        _plain(
            "gateway's memory", f"{_mb(found.rss_before)} alone, {_mb(found.rss_waiting)} with all"
        ),
        _plain("gateway's CPU while all wait", f"{100 * found.idle_cpu_a_second:.1f} % of a core"),
        _plain("gateway's CPU a delivered event", f"{1e6 * found.busy_cpu / max(1, heard):.0f} us"),
        _plain("publication to a stream's reader", _times(late)),
        _plain("publication of an end to each who waits for it", _times(ended)),
        _plain("connections to the store, of all processes", str(found.store_clients)),
    ]


def _memory(what: str, kb: float) -> Row:
    return Row(f"memory of {what}", f"{kb:.1f} KB", "", None, f"<= {MOST_KB} KB", kb <= MOST_KB)


def _plain(what: str, ours: str) -> Row:
    return Row(what, ours, "", None, "", True)


def _mb(size: int) -> str:
    return f"{size / 1e6:.0f} MB"


def _times(seconds: Sequence[float]) -> str:
    p50, p99 = (1e3 * percentile(seconds, part) for part in (0.5, 0.99))
    return f"p50 {p50:.1f} ms, p99 {p99:.1f} ms, {len(seconds)} times"


if __name__ == "__main__":
    sys.exit(main())
