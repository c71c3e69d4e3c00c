"""What a scrape of any process is answered with."""

from collections.abc import Iterable, Iterator

from prometheus_client import CollectorRegistry
from prometheus_client.core import Metric
from prometheus_client.exposition import choose_encoder
from prometheus_client.registry import Collector

#: ``/metrics?scope=process``: only what this process counted itself.
PROCESS_SCOPE = "process"


def render(collectors: Iterable[Collector], accept: str) -> tuple[bytes, str]:
    """The page and its content type: OpenMetrics, with exemplars, where ``accept`` wants it."""
    encode, content_type = choose_encoder(accept)
    return encode(_Page(collectors)), content_type


class _Page(CollectorRegistry):
    """One page of several collectors, which promise to share no name.

    Without the time at which each series began: it doubles the page, and nobody asks for it.
    """

    def __init__(self, collectors: Iterable[Collector]) -> None:
        super().__init__()
        self._parts = list(collectors)

    def collect(self) -> Iterator[Metric]:
        for part in self._parts:
            for metric in part.collect():
                metric.samples = [s for s in metric.samples if not s.name.endswith("_created")]
                yield metric
