"""The GPUs, as NVML shows them to the workers."""

from compose.grafana.panel import Board, Query, graph, number

MEMORY = "llama_gpu_memory_usage_bytes"
#: gpu="none" is a worker without one.
USED = f'{MEMORY}{{kind="used", gpu!="none", @}}'
TOTAL = f'{MEMORY}{{kind="total", @}}'
SHARE = f"{USED} / ignoring (kind) {TOTAL}"
EACH = "{{instance}} GPU {{gpu}}"

BOARD = Board(
    "caravan-gpu",
    "Caravan: GPU",
    "Memory, utilisation, temperature and power; empty where workers have no GPU.",
    (
        number(
            "GPUs",
            "short",
            "That workers see; 0 on machines without one.",
            Query("sum(llama_gpus{@})", "GPUs"),
        ),
        number(
            "Fullest memory",
            "percentunit",
            "Used of the total, of the fullest GPU.",
            Query(f"max({SHARE})", "used"),
            red=0.95,
        ),
        number(
            "Mean utilisation",
            "percentunit",
            "Share of the time in which something ran on the GPU; 1 does not mean full.",
            Query("avg(llama_gpu_utilization_ratio{@})", "utilisation"),
        ),
        number(
            "Hottest",
            "celsius",
            "The hottest GPU.",
            Query("max(llama_gpu_temperature_celsius{@})", "temperature"),
            red=85,
        ),
        number(
            "Power",
            "watt",
            "Of all GPUs.",
            Query("sum(llama_gpu_power_watts{@})", "power"),
        ),
        number(
            "Tokens per joule",
            "short",
            "Generated tokens for the energy of the GPUs.",
            Query(
                "sum(rate(llama_tokens_generated_total{@}[$__rate_interval]))"
                " / sum(llama_gpu_power_watts{@})",
                "tokens/J",
            ),
        ),
        graph("Memory", "bytes", "Used, by GPU.", Query(USED, EACH)),
        graph(
            "Memory, share",
            "percentunit",
            "Used of the total; above 95 % the next longer prompt may not fit.",
            Query(SHARE, EACH),
            red=0.95,
        ),
        graph(
            "Utilisation",
            "percentunit",
            "Share of the time in which something ran on it.",
            Query("llama_gpu_utilization_ratio{@}", EACH),
        ),
        graph(
            "Temperature",
            "celsius",
            "By GPU.",
            Query("llama_gpu_temperature_celsius{@}", EACH),
            red=85,
        ),
        graph("Power", "watt", "By GPU.", Query("llama_gpu_power_watts{@}", EACH), stacked=True),
        graph(
            "Models in memory",
            "bytes",
            "What the loaded models take, by worker.",
            Query(
                "sum by (instance, model, precision) (llama_model_memory_usage_bytes{@})",
                "{{instance}} {{model}} {{precision}}",
            ),
            stacked=True,
        ),
    ),
)
