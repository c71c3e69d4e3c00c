"""docs/configuration.md: every variable, with its type, default, process and meaning."""

from compose.configuration.rows import Setting

#: The two documents that asked for this service: which variables and values they name.
EXPLANATION_SERVICE = {
    *("MODEL_PATH", "N_CTX", "N_GPU_LAYERS", "N_BATCH", "N_THREADS"),
    *("MAX_CONCURRENT_REQUESTS", "MAX_QUEUE_SIZE", "REQUEST_TIMEOUT"),
    *("CUDA_VISIBLE_DEVICES", "GPU_MEMORY_FRACTION", "PROMETHEUS_ENABLED", "METRICS_PORT"),
    *("USE_MLOCK", "USE_MMAP", "F16_KV", "DEBUG", "LOG_LEVEL"),
}
GAUNTLET = {
    *("API_HOST", "API_PORT", "ADMIN_USERNAME", "ADMIN_PASSWORD"),
    *("RATE_LIMIT_PER_MINUTE", "HEALTH_RATE_LIMIT_PER_MINUTE"),
}

HEAD = """\
# Configuration

Made by `python -m compose.configuration` from the settings' classes; do not edit it here.

Every process reads its settings from the environment, once, when it starts, and checks them: a
wrong one ends it with status 2 and a line that names the variable, its value and the limit. An
empty variable counts as not set. `make run NAME=value` puts them into the environment; Compose
reads `compose/.env` ([env.example](../compose/env.example)); Kubernetes has them in ConfigMap and
Secret `caravan`; Helm in its values ([deployment](deployment.md)).

A *secret* may also stand in a file that `NAME_FILE` names, such as `JWT_SECRET_FILE`: one or the
other. So may `REDIS_URL`. No log line and no error shows one.

"Named by" says which of the two documents that this service answers has the variable (the
*explanation service*), or its value as a constant (the *gauntlet*).
"""

TABLE = """\
| Name | Type | Default | Meaning | Named by |
|---|---|---|---|---|
"""

TAIL = """
## Read by libraries and tools

| Name | Read by | Meaning |
|---|---|---|
| `HF_TOKEN`, `HF_HOME` | `python -m quantization fetch` | the model hub's token for models behind a licence, and its cache |
| `HF_HUB_OFFLINE` | `transformers` | 1 unless set: serving asks no hub |
| `AWS_ACCESS_KEY_ID`, `AWS_SECRET_ACCESS_KEY`, `AWS_REGION`, `AWS_ENDPOINT` | gateway, workshop | of `FILES_URL` and of artifacts in a store |
| `OMP_WAIT_POLICY` | torch, llama.cpp | PASSIVE unless set: idle threads do not spin |
| `TORCH_INDEX_URL` | `make run`, `make test`, images | another index for torch, such as that of CPU wheels |
"""


def page(rows: list[Setting]) -> str:
    """The page's text; settings of one process stand together."""
    parts = [HEAD]
    for processes in dict.fromkeys(row.processes for row in rows):
        table = "".join(_line(row) for row in rows if row.processes == processes)
        parts.append(f"\n## Read by: {', '.join(processes)}\n\n{TABLE}{table}")
    return "".join(parts) + TAIL


def _line(row: Setting) -> str:
    names = ", ".join(f"`{name}`" for name in (row.name, *row.aliases))
    cells = (names, "secret" if row.secret else row.kind, _shown(row), row.meaning, _named_by(row))
    return "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |\n"


def _shown(row: Setting) -> str:
    return f"`{row.default}`" if row.default else ""


def _named_by(row: Setting) -> str:
    names = {row.name, *row.aliases}
    documents = {"explanation service": EXPLANATION_SERVICE, "gauntlet": GAUNTLET}
    return ", ".join(title for title, named in documents.items() if names & named)
