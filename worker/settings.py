"""What a worker reads from its environment."""

from pathlib import Path
from typing import Annotated

from pydantic import Field, SecretStr
from pydantic_settings import SettingsConfigDict

from common.settings import Port
from worker.engines.cores import usable_cores
from worker.engines.settings import EngineSettings, Quantization, UpstreamSettings
from worker.webhooks.settings import WebhookSettings

PositiveSeconds = Annotated[float, Field(gt=0)]


class WorkerSettings(WebhookSettings):
    """Every knob of every role."""

    model_config = SettingsConfigDict(extra="ignore", env_ignore_empty=True, frozen=True)

    quantization: Quantization = Field(Quantization.INT4, description="of ENGINE=transformers")
    n_gpu_layers: int = Field(35, ge=-1, le=10_000, description="on the GPU (llamacpp); -1: all")
    n_batch: int = Field(512, ge=1, le=65_536, description="prompt tokens prefilled at once")
    n_threads: int = Field(8, ge=1, le=1024, description="capped at the cores")
    prompt_lookup_tokens: int = Field(
        0, ge=0, le=16, description="drafted for a step from what repeats, where it pays; 0: none"
    )
    use_mlock: bool = Field(False, description="llamacpp keeps the weights from being swapped")
    use_mmap: bool = Field(True, description="llamacpp maps the file of the weights")
    f16_kv: bool = Field(True, description="llamacpp caches keys and values in 16 bits")
    llamacpp_autotune: bool = Field(False, description="measure the best number of threads once")
    llamacpp_library: Path | None = Field(None, description="a libllama.so built for this machine")
    gpu_memory_fraction: float = Field(0.9, gt=0, le=1, description="the most; enforced on CUDA")
    cuda_graphs: bool = Field(True, description="record the decode step on CUDA (transformers)")
    int8_threshold: float = Field(
        6.0, ge=0, description="of INT8: larger activations are computed in FP16; 0: none"
    )
    cuda_visible_devices: str | None = Field(None, description="which GPUs it may use")
    upstream_api_key: SecretStr = Field(SecretStr(""), description="key for UPSTREAM_URL")
    upstream_model: str = Field("", description="of UPSTREAM_URL; its first if unset")
    upstream_connect_seconds: PositiveSeconds = Field(5.0, description="to reach UPSTREAM_URL")
    upstream_silence_seconds: PositiveSeconds = Field(60.0, description="between its events")
    upstream_logprobs: bool = Field(True, description="ask UPSTREAM_URL for them; some refuse")
    echo_tokens_per_second: float = Field(0.0, ge=0, description="pace of echo; 0: no limit")
    echo_fail_file: Path | None = Field(None, description="while it exists echo fails: for tests")
    echo_hang_file: Path | None = Field(None, description="while it exists echo hangs: for tests")

    metrics_host: str = Field("127.0.0.1", description="of /metrics, /livez, /readyz")
    metrics_port: Port = Field(9090, description="of these; the next free port if it is taken")

    max_attempts: int = Field(3, ge=1, le=100, description="engine failures allowed to a job")
    max_kills: int = Field(3, ge=1, le=100, description="deaths without progress allowed to a job")
    lease_seconds: PositiveSeconds = Field(15.0, description="life of a lease")
    beat_seconds: PositiveSeconds = Field(5.0, description="how often it is renewed")
    sweep_seconds: PositiveSeconds = Field(2.0, description="how often maintenance looks")
    sweep_gap_seconds: PositiveSeconds = Field(6.0, description="a longer gap extends leases")
    stall_seconds: PositiveSeconds = Field(25.0, description="an engine may stand still")
    breaker_errors: int = Field(5, ge=1, description="engine errors in a row before a reload")
    breaker_reloads: int = Field(5, ge=1, description="failed reloads that end the process")
    drain_seconds: float = Field(20.0, ge=0, description="for running jobs when told to stop")

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
            n_threads=min(self.n_threads, usable_cores()),
            prompt_lookup_tokens=self.prompt_lookup_tokens,
            n_gpu_layers=self.n_gpu_layers,
            use_mlock=self.use_mlock,
            use_mmap=self.use_mmap,
            f16_kv=self.f16_kv,
            autotune_cache=self._autotune_cache(),
            llamacpp_library=self.llamacpp_library,
            gpu_memory_fraction=self.gpu_memory_fraction,
            cuda_graphs=self.cuda_graphs,
            int8_threshold=self.int8_threshold,
            upstream=self.upstream_settings(),
            echo_tokens_per_second=self.echo_tokens_per_second,
            echo_fail_file=self.echo_fail_file,
            echo_hang_file=self.echo_hang_file,
        )

    def _autotune_cache(self) -> Path | None:
        """Where what was measured is remembered; None: nothing is to be measured."""
        return self.state_dir / "cache" / "autotune.json" if self.llamacpp_autotune else None

    def shown(self) -> dict[str, object]:
        """The settings of the original services under their own names, for /model/info."""
        return {
            "model_path": self.model,
            "n_ctx": self.n_ctx,
            "n_gpu_layers": self.n_gpu_layers,
            "n_batch": self.n_batch,
            "n_threads": min(self.n_threads, usable_cores()),
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
