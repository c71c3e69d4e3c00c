"""What a worker reads from its environment."""

import os
from pathlib import Path
from typing import Annotated

from pydantic import Field, SecretStr
from pydantic_settings import SettingsConfigDict

from common.settings import Port
from worker.engines.settings import EngineSettings, Quantization, UpstreamSettings
from worker.webhooks.settings import WebhookSettings

PositiveSeconds = Annotated[float, Field(gt=0)]


class WorkerSettings(WebhookSettings):
    """Every knob of every role."""

    model_config = SettingsConfigDict(extra="ignore", env_ignore_empty=True, frozen=True)

    quantization: Quantization = Quantization.INT4
    n_gpu_layers: int = Field(35, ge=-1, le=10_000, description="-1: all")
    n_batch: int = Field(512, ge=1, le=65_536, description="prompt tokens prefilled at once")
    n_threads: int = Field(8, ge=1, le=1024, description="capped at the cores")
    use_mlock: bool = False
    use_mmap: bool = True
    f16_kv: bool = True
    gpu_memory_fraction: float = Field(0.9, gt=0, le=1)
    cuda_visible_devices: str | None = None
    upstream_api_key: SecretStr = SecretStr("")
    upstream_model: str = Field("", description="what to ask UPSTREAM_URL for; its first model")
    upstream_connect_seconds: PositiveSeconds = 5.0
    upstream_silence_seconds: PositiveSeconds = 60.0
    upstream_logprobs: bool = Field(True, description="confidence needs them; some refuse them")
    echo_tokens_per_second: float = Field(0.0, ge=0)
    echo_fail_file: Path | None = Field(None, description="while it exists echo fails: for tests")
    echo_hang_file: Path | None = Field(None, description="while it exists echo hangs: for tests")

    metrics_host: str = "127.0.0.1"
    metrics_port: Port = 9090

    max_attempts: int = Field(3, ge=1, le=100, description="engine failures allowed to a job")
    max_kills: int = Field(3, ge=1, le=100, description="deaths without progress allowed to a job")
    lease_seconds: PositiveSeconds = 15.0
    beat_seconds: PositiveSeconds = 5.0
    sweep_seconds: PositiveSeconds = 2.0
    sweep_gap_seconds: PositiveSeconds = 6.0
    stall_seconds: PositiveSeconds = 25.0
    breaker_errors: int = Field(5, ge=1, description="engine errors in a row that open it")
    breaker_reloads: int = Field(5, ge=1, description="failed reloads that end the process")
    drain_seconds: float = Field(20.0, ge=0)

    def upstream_settings(self) -> UpstreamSettings:
        """Where the openai engine asks."""
        return UpstreamSettings(
            url=self.upstream_url,
            api_key=self.upstream_api_key.get_secret_value(),
            model=self.upstream_model,
            connect_seconds=self.upstream_connect_seconds,
            silence_seconds=self.upstream_silence_seconds,
            logprobs=self.upstream_logprobs,
        )

    def engine_settings(self) -> EngineSettings:
        """The part that an engine is built with."""
        return EngineSettings(
            slots=self.max_concurrent_requests,
            quantization=self.quantization,
            context_size=self.n_ctx,
            n_batch=self.n_batch,
            n_threads=min(self.n_threads, os.cpu_count() or 1),
            n_gpu_layers=self.n_gpu_layers,
            use_mlock=self.use_mlock,
            use_mmap=self.use_mmap,
            f16_kv=self.f16_kv,
            gpu_memory_fraction=self.gpu_memory_fraction,
            upstream=self.upstream_settings(),
            echo_tokens_per_second=self.echo_tokens_per_second,
            echo_fail_file=self.echo_fail_file,
            echo_hang_file=self.echo_hang_file,
        )

    def shown(self) -> dict[str, object]:
        """The settings of the original services under their own names, for /model/info."""
        return {
            "model_path": self.model,
            "n_ctx": self.n_ctx,
            "n_gpu_layers": self.n_gpu_layers,
            "n_batch": self.n_batch,
            "n_threads": min(self.n_threads, os.cpu_count() or 1),
            "use_mlock": self.use_mlock,
            "use_mmap": self.use_mmap,
            "f16_kv": self.f16_kv,
            "gpu_memory_fraction": self.gpu_memory_fraction,
            "cuda_visible_devices": self.cuda_visible_devices,
            "max_concurrent_requests": self.max_concurrent_requests,
            "metrics_port": self.metrics_port,
            "prometheus_enabled": self.prometheus_enabled,
            "debug": self.debug,
            "log_level": self.effective_log_level,
        }
