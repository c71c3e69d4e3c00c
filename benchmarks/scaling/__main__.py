"""Draws docs/benchmarks/scaling.png: pods and queue over time, for each trace."""

from pathlib import Path

from matplotlib.figure import Figure

from benchmarks.scaling.play import play
from benchmarks.scaling.scaler import as_the_document_had_it, latency_aware, shipped
from benchmarks.scaling.traces import SECONDS, TRACES

TARGET = Path("docs/benchmarks/scaling.png")


def main() -> None:
    """Play every trace under both rules and draw them side by side."""
    rules = {
        "Caravan": shipped(),
        "by predicted wait": latency_aware(),
        "waiting jobs only, 5 a pod": as_the_document_had_it(),
    }
    figure = Figure(figsize=(14, 2.2 * len(TRACES)), layout="constrained")
    axes = figure.subplots(len(TRACES), len(rules), sharex=True, squeeze=False)
    for row, (name, trace) in zip(axes, TRACES.items(), strict=True):
        for plot, (rule, spec) in zip(row, rules.items(), strict=True):
            seen = play(spec, trace, SECONDS)
            minutes = [second / 60 for second in range(SECONDS)]
            plot.fill_between(minutes, seen.waiting, color="0.85", label="waiting")
            plot.plot(minutes, seen.running, color="C0", lw=0.8, label="running")
            plot.set_title(
                f"{name}, {rule}: drained after {seen.drained_at / 60:.0f} min, "
                f"{seen.cut} jobs cut",
                fontsize=8,
            )
            pods = plot.twinx()
            pods.step(minutes, seen.pods, color="C3", where="post", label="pods")
            pods.set_ylim(0, spec["maxReplicaCount"] + 1)
            plot.set_ylim(bottom=0)
        row[0].set_ylabel("jobs")
        pods.set_ylabel("pods", color="C3")
    axes[0][0].legend(loc="upper right", fontsize=7)
    for plot in axes[-1]:
        plot.set_xlabel("minutes")
    figure.savefig(TARGET, dpi=110)


if __name__ == "__main__":
    main()
