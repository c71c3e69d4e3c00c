"""Every variable of the original services works under its own name, and is checked."""

from pathlib import Path
from typing import Any

import pytest

from api.settings import ApiSettings
from common.settings import CommonSettings, read_settings
from worker.settings import WorkerSettings

#: variable -> (a value, what it becomes, a value that is refused or None)
WORKER_VARIABLES: dict[str, tuple[str, Any, str | None]] = {
    "MODEL": ("/models/llama", "/models/llama", None),
    "MODEL_PATH": ("/models/llama.gguf", "/models/llama.gguf", None),
    "N_CTX": ("2048", 2048, "0"),
    "N_GPU_LAYERS": ("20", 20, "-2"),
    "N_BATCH": ("256", 256, "0"),
    "N_THREADS": ("4", 4, "0"),
    "USE_MLOCK": ("true", True, "perhaps"),
    "USE_MMAP": ("false", False, "perhaps"),
    "F16_KV": ("false", False, "perhaps"),
    "GPU_MEMORY_FRACTION": ("0.5", 0.5, "1.5"),
    "CUDA_VISIBLE_DEVICES": ("0,1", "0,1", None),
    "MAX_CONCURRENT_REQUESTS": ("5", 5, "0"),
    "METRICS_PORT": ("9191", 9191, "70000"),
    "PROMETHEUS_ENABLED": ("false", False, "perhaps"),
    "DEBUG": ("true", True, "perhaps"),
    "LOG_LEVEL": ("DEBUG", "DEBUG", "LOUD"),
    "ENGINE": ("transformers", "transformers", "magic"),
    "QUANTIZATION": ("int8", "int8", "int3"),
    "STATE_DIR": ("/state", Path("/state"), None),
    "REDIS_URL": ("redis://10.0.0.1:6379/1", "redis://10.0.0.1:6379/1", "http://x"),
    "APP_ENV": ("production", "production", "test"),
}
API_VARIABLES: dict[str, tuple[str, Any, str | None]] = {
    "API_HOST": ("127.0.0.2", "127.0.0.2", None),
    "API_PORT": ("8080", 8080, "0"),
    "MAX_QUEUE_SIZE": ("7", 7, "0"),
    "MAX_JOBS_PER_USER": ("3", 3, "0"),
    "RATE_LIMIT_PER_MINUTE": ("9", 9, "0"),
    "REQUEST_TIMEOUT": ("30", 30, "0"),
    "ADMIN_USERNAME": ("root", "root", "no spaces"),
}
CASES = [
    *((WorkerSettings, name, *case) for name, case in WORKER_VARIABLES.items()),
    *((ApiSettings, name, *case) for name, case in API_VARIABLES.items()),
]


@pytest.fixture(autouse=True)
def _clean_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in (*WORKER_VARIABLES, *API_VARIABLES):
        monkeypatch.delenv(name, raising=False)


def attribute(name: str) -> str:
    return "model" if name == "MODEL_PATH" else name.lower()


@pytest.mark.parametrize(("settings", "name", "value", "meant", "_refused"), CASES)
def test_a_variable_is_read(
    monkeypatch: pytest.MonkeyPatch,
    settings: type[CommonSettings],
    name: str,
    value: str,
    meant: Any,
    _refused: str | None,
) -> None:
    monkeypatch.setenv(name, value)
    assert getattr(settings(), attribute(name)) == meant


@pytest.mark.parametrize(
    ("settings", "name", "refused"), [(s, n, r) for s, n, _, _, r in CASES if r is not None]
)
def test_a_bad_value_stops_the_start_with_one_line_that_names_it(
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    settings: type[CommonSettings],
    name: str,
    refused: str,
) -> None:
    # Given a value that the variable cannot have
    monkeypatch.setenv(name, refused)
    # When a process starts
    with pytest.raises(SystemExit) as ended:
        read_settings(settings)
    # Then it ends, naming the variable and the value
    assert ended.value.code == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith(f"error: {name}={refused}: ")


def test_the_defaults_are_those_of_the_original_services() -> None:
    worker, api = WorkerSettings(), ApiSettings()
    assert (worker.n_ctx, worker.n_gpu_layers, worker.n_batch, worker.n_threads) == (
        *(4096, 35, 512, 8),
    )
    assert (worker.gpu_memory_fraction, worker.metrics_port) == (0.9, 9090)
    assert (worker.max_concurrent_requests, api.max_queue_size, api.request_timeout) == (3, 100, 60)
    assert (api.api_port, api.rate_limit_per_minute) == (8000, 100)


def test_threads_are_capped_at_the_cores(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("N_THREADS", "1024")
    assert WorkerSettings().engine_settings().n_threads < 1024


def test_debug_wins_over_the_log_level(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LOG_LEVEL", "ERROR")
    monkeypatch.setenv("DEBUG", "true")
    assert WorkerSettings().effective_log_level == "DEBUG"


def test_an_empty_variable_is_an_unset_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("N_CTX", "")
    assert WorkerSettings().n_ctx == 4096
