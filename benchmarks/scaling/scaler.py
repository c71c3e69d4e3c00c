"""The rules of the HPA and of KEDA's fallback, as far as keda/inference.yaml uses them.

Sources: kubernetes.io, Horizontal Pod Autoscaling (algorithm, tolerance, behavior);
keda.sh, ScaledObject specification (fallback).
"""

import math
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from benchmarks.scaling.formula import evaluate

#: The HPA looks so often, and lets a ratio this near to 1 be.
SYNC_SECONDS, TOLERANCE = 15, 0.1


@dataclass(slots=True)
class Scaler:
    """Decides how many pods there should be; call ``pods`` every SYNC_SECONDS."""

    spec: dict[str, Any]
    _wanted: list[tuple[float, int]] = field(default_factory=list)
    _changes: list[tuple[float, int]] = field(default_factory=list)
    _failures: int = 0

    def pods(self, now: float, current: int, triggers: dict[str, float | None]) -> int:
        """How many pods from now on; triggers that cannot be read are None."""
        wanted = self._recommend(current, triggers)
        if wanted is None:
            return current
        low, high = self.spec["minReplicaCount"], self.spec["maxReplicaCount"]
        wanted = max(low, min(high, wanted))
        self._wanted.append((now, wanted))
        decided = (
            self._upward(now, current, wanted) if wanted > current else self._downward(now, current)
        )
        if decided != current:
            self._changes.append((now, decided - current))
        return decided

    def _recommend(self, current: int, triggers: dict[str, float | None]) -> int | None:
        modifiers = self.spec["advanced"]["scalingModifiers"]
        try:
            metric = evaluate(modifiers["formula"], triggers)
        except ValueError:
            return self._fall_back(current)
        self._failures = 0
        target = float(modifiers["target"])
        if abs(metric / (target * current) - 1) <= TOLERANCE:
            return current
        return math.ceil(metric / target)

    def _fall_back(self, current: int) -> int | None:
        self._failures += 1
        fallback = self.spec["fallback"]
        if self._failures < fallback["failureThreshold"]:
            return None
        match fallback["behavior"]:
            case "currentReplicasIfHigher":
                return max(current, int(fallback["replicas"]))
            case "scalingModifiers":  # the formula is left without a figure: the HPA has no metric
                return None
        raise ValueError(f"fallback {fallback['behavior']} is not played here")

    def _upward(self, now: float, current: int, wanted: int) -> int:
        rules = self._rules("scaleUp")
        return min(
            wanted, max(self._allowed(now, current, policy, 1) for policy in rules["policies"])
        )

    def _downward(self, now: float, current: int) -> int:
        """The highest of the wishes within the window, and no faster than the policies let."""
        rules = self._rules("scaleDown")
        since = now - rules["stabilizationWindowSeconds"]
        wanted = max(pods for at, pods in self._wanted if at >= since)
        if wanted >= current:
            return current
        return max(
            wanted, min(self._allowed(now, current, policy, -1) for policy in rules["policies"])
        )

    def _allowed(self, now: float, current: int, policy: dict[str, Any], sign: int) -> int:
        since = now - policy["periodSeconds"]
        changed = sum(by for at, by in self._changes if at > since and by * sign > 0)
        before = current - changed
        step = policy["value"]
        if policy["type"] == "Percent":
            step = math.ceil(before * step / 100)
        return int(before + sign * step)

    def _rules(self, direction: str) -> dict[str, Any]:
        behavior = self.spec["advanced"]["horizontalPodAutoscalerConfig"]["behavior"]
        rules: dict[str, Any] = behavior[direction]
        return rules


def shipped() -> dict[str, Any]:
    """The spec of keda/inference.yaml."""
    path = Path(__file__).parents[2] / "keda" / "inference.yaml"
    spec: dict[str, Any] = yaml.safe_load(path.read_text())["spec"]
    return spec


def latency_aware() -> dict[str, Any]:
    """The same with the terms and patches of keda/latency."""
    spec = shipped()
    folder = Path(__file__).parents[2] / "keda" / "latency"
    terms = yaml.safe_load((folder / "terms.yaml").read_text())["data"]
    modifiers = spec["advanced"]["scalingModifiers"]
    _, *between, _, running, backlog = modifiers["formula"].split(" + ")
    modifiers["formula"] = " + ".join([terms["first"], *between, terms["last"], running, backlog])
    for patch in yaml.safe_load((folder / "scaledobject.yaml").read_text()):
        *parents, last = patch["path"].removeprefix("/spec/").split("/")
        place = spec
        for name in parents:
            place = place[name]
        if last == "-":
            place.append(patch["value"])  # type: ignore[attr-defined]
        else:
            place[last] = patch["value"]
    return spec


def as_the_document_had_it() -> dict[str, Any]:
    """The same, scaled on waiting jobs alone, five a pod: the rule that it replaces."""
    spec = shipped()
    spec["advanced"]["scalingModifiers"] = {
        "formula": "urgent + high + normal + low",
        "target": "5",
    }
    return spec
