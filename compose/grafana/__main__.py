"""``python -m compose.grafana``: write compose/grafana/dashboards/*.json."""

from pathlib import Path

from compose.grafana.boards import gpu, guard, inference, overview, queues, timeouts, webhooks

DASHBOARDS = Path(__file__).parent / "dashboards"

BOARDS = (
    *(overview.BOARD, queues.BOARD, inference.BOARD, gpu.BOARD),
    *(timeouts.BOARD, webhooks.BOARD, guard.BOARD),
)


def files() -> dict[Path, str]:
    """Each file that is made, and its text."""
    return {DASHBOARDS / f"{board.uid}.json": board.json() for board in BOARDS}


if __name__ == "__main__":
    for path, text in files().items():
        path.write_text(text)
