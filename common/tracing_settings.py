"""Where traces go: OpenTelemetry's own variables, as far as we read them.

The SDK reads the rest itself: OTEL_EXPORTER_OTLP_HEADERS, OTEL_TRACES_SAMPLER, OTEL_BSP_*,
OTEL_RESOURCE_ATTRIBUTES and so on (docs/tracing.md).
"""

from typing import Literal

from pydantic import Field
from pydantic_settings import BaseSettings

_URL = r"^(https?://\S+)?$"


class TracingSettings(BaseSettings):
    """Off unless there is an address."""

    otel_exporter_otlp_endpoint: str = Field(
        "", pattern=_URL, description="OTLP/HTTP collector; turns traces on"
    )
    otel_exporter_otlp_traces_endpoint: str = Field(
        "", pattern=_URL, description="the whole address for traces, if it is another"
    )
    otel_exporter_otlp_protocol: Literal["http/protobuf"] = Field(
        "http/protobuf", description="the only one that is spoken"
    )
    otel_service_name: str = Field("", description="of every process; caravan-<role> if not set")
    otel_traces_exporter: Literal["otlp", "none"] = Field("otlp", description="none: no traces")
    otel_sdk_disabled: bool = Field(False, description="true: no traces, whatever else is set")

    @property
    def traces_url(self) -> str:
        """Where spans are posted; '' if nowhere."""
        if self.otel_sdk_disabled or self.otel_traces_exporter == "none":
            return ""
        base = self.otel_exporter_otlp_endpoint.rstrip("/")
        return self.otel_exporter_otlp_traces_endpoint or (base and f"{base}/v1/traces")
