"""docs/metrics.md and scrapes, as what can be compared."""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

import httpx
from prometheus_client.parser import text_string_to_metric_families
from prometheus_client.samples import Sample

PAGE = Path(__file__).parents[2] / "docs" / "metrics.md"

_ROW = re.compile(r"^\| `(\w+)` \| (\w+)(?: \((.+)\))? \| (.*?) ?\| (.+) \|$")
_BOUNDS = re.compile(r"^\| ([a-z ]+) \| ([\d., ]+) \|$")


@dataclass(frozen=True)
class Described:
    """One metric: its type, its labels, and in a histogram its bounds."""

    type: str
    labels: frozenset[str]
    bounds: tuple[float, ...] = ()


@dataclass(frozen=True)
class Scrape:
    """What was served: types of all families, and what is known of those with samples."""

    text: str
    types: Mapping[str, str]
    described: Mapping[str, Described]

    def values(self, sample: str, **labels: str) -> list[float]:
        """Of the samples of this name that carry these labels."""
        return [
            one.value
            for family in text_string_to_metric_families(self.text)
            for one in family.samples
            if one.name == sample and labels.items() <= one.labels.items()
        ]


def documented() -> dict[str, dict[str, Described]]:
    """Section of the page -> metric -> what it says."""
    sections: dict[str, dict[str, Described]] = {}
    bounds: dict[str, tuple[float, ...]] = {}
    rows: list[tuple[str, ...]] = []
    section = ""
    for line in PAGE.read_text().splitlines():
        if line.startswith("## "):
            section = line[3:]
        elif found := _ROW.match(line):
            rows.append((section, *map(str, found.groups()[:4])))
        elif found := _BOUNDS.match(line):
            bounds[found[1]] = tuple(float(bound) for bound in found[2].split(","))
    for section, name, kind, buckets, labels in rows:
        about = Described(kind, frozenset(re.findall(r"`(\w+)`", labels)), bounds.get(buckets, ()))
        sections.setdefault(section, {})[name] = about
    return sections


def scrape(url: str) -> Scrape:
    """Ask for a page of metrics, which must be there."""
    answer = httpx.get(url, trust_env=False)
    assert answer.status_code == 200, answer.text
    types, described = {}, {}
    for family in text_string_to_metric_families(answer.text):
        name = f"{family.name}_total" if family.type == "counter" else family.name
        types[name] = family.type
        if family.samples:
            labels = {label for sample in family.samples for label in sample.labels} - {"le"}
            described[name] = Described(family.type, frozenset(labels), _bounds(family.samples))
    return Scrape(answer.text, types, described)


def _bounds(samples: Iterable[Sample]) -> tuple[float, ...]:
    bounds = {float(sample.labels["le"]) for sample in samples if "le" in sample.labels}
    return tuple(sorted(bounds - {float("inf")}))
