"""What was found, in rows; a goal that was not measured is not met."""

from collections.abc import Iterator, Mapping
from typing import Any

from benchmarks.pairs import Ratio, ratio
from benchmarks.rows import Row

#: The four-bit ones; the fastest of them is held against the goals.
INT4 = ("int4-fast", "nf4")
_GIGABYTE = 1e9

Found = Mapping[str, Any]


def rows(found: Found, missing: Mapping[str, str]) -> list[Row]:
    """Rates beside the control first, then the goals."""
    best = _fastest_int4(found)
    return [
        *_bandwidth(found),
        *_rates(found),
        *_goals(found, best),
        *(_absent(f"part {name}", why) for name, why in missing.items()),
    ]


def roofline(found: Found, precision: str, streams: int) -> float | None:
    """Tokens a second that the measured bandwidth allows."""
    if "bandwidth" not in found:
        return None
    read: int = found[precision]["read_bytes"][str(streams)]
    bandwidth: float = found["bandwidth"]["bytes_per_second"]
    return streams * bandwidth / read


def _bandwidth(found: Found) -> Iterator[Row]:
    if "bandwidth" in found:
        rate, device = found["bandwidth"]["bytes_per_second"], found["bandwidth"]["device"]
        yield Row(f"copy on {device['name']}", f"{rate / 1e9:.0f} GB/s", "", None, "", True)


def _rates(found: Found) -> Iterator[Row]:
    for precision in (name for name in ("fp16", "int8", *INT4) if name in found):
        part = found[precision]
        for streams, decoded in part["decode"].items():
            roof = roofline(found, precision, int(streams))
            share = f", {decoded['median'] / roof:.0%} of the roofline" if roof else ""
            eager = part.get("eager", {}).get(streams)
            yield Row(
                f"{precision}, {streams} at once",
                f"{decoded['median']:.0f} tokens/s{share}",
                f"eager {eager['median']:.0f} tokens/s" if eager else "",
                _times(decoded, eager) if eager else None,
                "",
                True,
            )


def _goals(found: Found, best: str | None) -> Iterator[Row]:
    yield _order(found)
    if best is None:
        yield _absent("INT4", "no four-bit part ended")
        return
    part, said = found[best], f"{best}, explanations, 3 at once"
    roof = roofline(found, best, 1)
    share = part["decode"]["1"]["median"] / roof if roof else 0.0
    told, memory = part["explanations"], part["peak_memory_bytes"] / _GIGABYTE
    yield _goal(f"{best}, 1 at once, of the roofline", share, "{:.0%}", ">=", 0.45)
    yield _goal(f"{said}, p95", told["p95_ms"], "{:.0f} ms", "<", 500)
    yield _goal(f"{said}, mean", told["mean_ms"], "{:.0f} ms", "<=", 210)
    yield _goal(f"{said}, a minute", told["per_minute"], "{:.0f}", ">=", 100)
    yield _goal(f"{best}, peak memory", memory, "{:.1f} GB", "<", 12)
    moved = part["greatest_difference"]
    yield _goal(f"{best}, decoding beside one pass, log-probability", moved, "{:.3f}", "<=", 0.1)
    if "service" in found:
        p95 = found["service"]["p95_ms"]
        yield _goal("through gateway, Redis and worker, p95", p95, "{:.0f} ms", "<", 500)


def _order(found: Found) -> Row:
    names = (_fastest_int4(found), "int8", "fp16")
    rates = [_rate(found, name) if name in found else 0.0 for name in names if name]
    met = len(rates) == len(names) and rates[0] > rates[1] > rates[2] > 0
    ours = " > ".join(f"{rate:.0f}" if rate else "not measured" for rate in rates)
    return Row("INT4, INT8, FP16, 1 at once, tokens/s", ours, "", None, "INT4 > INT8 > FP16", met)


def _goal(what: str, value: float, form: str, sign: str, bound: float) -> Row:
    met = {"<": value < bound, "<=": value <= bound, ">=": value >= bound}[sign]
    return Row(what, form.format(value), "", None, f"{sign} {form.format(bound)}", met)


def _absent(what: str, why: str) -> Row:
    return Row(what, f"not measured: {why}", "", None, "measured", False)


def _fastest_int4(found: Found) -> str | None:
    ran = [name for name in INT4 if name in found]
    return max(ran, key=lambda name: _rate(found, name)) if ran else None


def _rate(found: Found, precision: str) -> float:
    rate: float = found[precision]["decode"]["1"]["median"]
    return rate


def _times(ours: Mapping[str, Any], theirs: Mapping[str, Any]) -> Ratio:
    count = min(len(ours["values"]), len(theirs["values"]))
    return ratio(ours["values"][:count], theirs["values"][:count])
