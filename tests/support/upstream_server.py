"""An OpenAI-compatible server on the default model: xllamacpp's own, as a process.

``python -m tests.support.upstream_server PORT SLOTS CONTEXT`` serves until it is killed.
"""

import sys
import time

import xllamacpp

from tests.models import default_gguf


def main() -> None:
    """Serve on loopback; each slot has a context of its own."""
    port, slots, context = map(int, sys.argv[1:])
    params = xllamacpp.CommonParams()
    params.model.path = str(default_gguf())
    params.model_alias = ["SmolLM2-135M-Instruct"]
    params.hostnames, params.port = ["127.0.0.1"], port
    params.n_parallel, params.n_ctx = slots, context * slots
    params.warmup = False
    server = xllamacpp.Server(params)  # serves for as long as it lives
    while server:
        time.sleep(3600)


if __name__ == "__main__":
    main()
