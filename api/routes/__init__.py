"""One module a resource; each exports ``router``."""

from api.express import Lane
from api.requests.explain import ExplainRequest
from api.requests.generate import GenerateRequest
from api.routes import (
    admin,
    api_keys,
    auth,
    batches,
    dead,
    events,
    explain,
    files,
    generate,
    health,
    jobs,
    model,
    named,
    openai_batches,
    reload,
    results,
    stream_tokens,
    timeline,
    usage,
    users,
    v1,
    webhook_deliveries,
    webhook_endpoints,
    webhook_secrets,
)

#: In the order in which the documentation shows them.
MODULES = (
    auth,
    api_keys,
    users,
    generate,
    explain,
    jobs,
    named,
    results,
    timeline,
    events,
    stream_tokens,
    batches,
    files,
    openai_batches,
    v1,
    health,
    model,
    admin,
    reload,
    dead,
    usage,
    webhook_endpoints,
    webhook_deliveries,
    webhook_secrets,
)

#: The routes that have a short way.
LANES = {
    "/generate": Lane.of(generate.router, GenerateRequest),
    "/explain": Lane.of(explain.router, ExplainRequest),
}
