"""What was found, in rows; a goal that was not measured is not met."""

from collections.abc import Iterator, Mapping
from typing import Any

from benchmarks.pairs import Ratio, ratio
from benchmarks.roofline.parts import fastest_int4
from benchmarks.rows import Row

_GIGABYTE = 1e9
_SLOWEST_FIRST = ("fp16", "int8", "nf4", "int4-fast")

Found = Mapping[str, Any]


def rows(found: Found, missing: Mapping[str, str]) -> list[Row]:
    """Rates beside the control first, then the layers, then the goals."""
    return [
        *_bandwidth(found),
        *_rates(found),
        *_layers({**found.get("linears", {}), **found.get("gemlite", {})}),
        *_goals(found, fastest_int4(found)),
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
        yield _told(f"copy on {device['name']}", f"{rate / 1e9:.0f} GB/s")


def _rates(found: Found) -> Iterator[Row]:
    for precision in (name for name in _SLOWEST_FIRST if name in found):
        part = found[precision]
        yield from (_told(f"{precision}, a warning", said) for said in part.get("warnings", []))
        eager = found.get("eager", {}).get(precision, {})
        for streams, decoded in part.get("decode", {}).items():
            roof = roofline(found, precision, int(streams))
            share = f", {decoded['median'] / roof:.0%} of the roofline" if roof else ""
            yield _beside_eager(
                f"{precision}, {streams} at once",
                f"{decoded['median']:.0f} tokens/s{share}",
                decoded,
                eager.get(streams),
            )
        if "failed" in eager:
            yield _told(f"{precision}, eager", f"not measured: {eager['failed']}")


def _beside_eager(what: str, ours: str, decoded: Any, eager: Any) -> Row:
    if eager is None:
        return _told(what, ours)
    return Row(
        what, ours, f"eager {eager['median']:.0f} tokens/s", _times(decoded, eager), "", True
    )


def _layers(formats: Mapping[str, Mapping[str, Any]]) -> Iterator[Row]:
    """The products of one decoder layer together, for one row and for three."""
    for name, layers in formats.items():
        failed = [made["failed"] for made in layers.values() if "failed" in made]
        if failed:
            yield _told(f"a layer in {name}", f"not measured: {failed[0]}")
            continue
        one, three = (sum(made["microseconds"][n] for made in layers.values()) for n in "13")
        yield _told(f"a layer in {name}", f"{one:.0f} us for a row, {three:.0f} us for three")


def _goals(found: Found, best: str | None) -> Iterator[Row]:
    yield _order(found, best)
    if best is None:
        yield _absent("INT4", "no four-bit part got as far as decoding")
        return
    part, said = found[best], f"{best}, explanations, 3 at once"
    roof = roofline(found, best, 1)
    share = part["decode"]["1"]["median"] / roof if roof else None
    told = part.get("explanations", {})
    memory = part["peak_memory_bytes"] / _GIGABYTE if "peak_memory_bytes" in part else None
    moved, p95 = part.get("mean_difference"), found.get("service", {}).get("p95_ms")
    yield _goal(f"{best}, 1 at once, of the roofline", share, "{:.0%}", ">=", 0.45)
    yield _goal(f"{said}, p95", told.get("p95_ms"), "{:.0f} ms", "<", 500)
    yield _goal(f"{said}, mean", told.get("mean_ms"), "{:.0f} ms", "<=", 210)
    yield _goal(f"{said}, a minute", told.get("per_minute"), "{:.0f}", ">=", 100)
    yield _goal(f"{best}, peak memory", memory, "{:.1f} GB", "<", 12)
    yield _goal(f"{best}, decoding beside one pass, log-probability", moved, "{:.3f}", "<=", 0.05)
    yield _goal("through gateway, Redis and worker, p95", p95, "{:.0f} ms", "<", 500)


def _order(found: Found, best: str | None) -> Row:
    names = (best, "int8", "fp16")
    rates = [_rate(found, name) for name in names if name]
    met = len(rates) == len(names) and rates[0] > rates[1] > rates[2] > 0
    ours = " > ".join(f"{rate:.0f}" if rate else "not measured" for rate in rates)
    return Row("INT4, INT8, FP16, 1 at once, tokens/s", ours, "", None, "INT4 > INT8 > FP16", met)


def _goal(what: str, value: float | None, form: str, sign: str, bound: float) -> Row:
    goal = f"{sign} {form.format(bound)}"
    if value is None:
        return Row(what, "not measured", "", None, goal, False)
    met = {"<": value < bound, "<=": value <= bound, ">=": value >= bound}[sign]
    return Row(what, form.format(value), "", None, goal, met)


def _told(what: str, ours: str) -> Row:
    return Row(what, ours, "", None, "", True)


def _absent(what: str, why: str) -> Row:
    return Row(what, f"not measured: {why}", "", None, "measured", False)


def _rate(found: Found, precision: str) -> float:
    """Of one stream; 0 where it was not measured."""
    decode = found.get(precision, {}).get("decode", {})
    return float(decode["1"]["median"]) if "1" in decode else 0.0


def _times(ours: Mapping[str, Any], theirs: Mapping[str, Any]) -> Ratio:
    count = min(len(ours["values"]), len(theirs["values"]))
    return ratio(ours["values"][:count], theirs["values"][:count])
