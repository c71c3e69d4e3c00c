"""``python -m benchmarks.llamacpp.wrapped MODEL PORT SLOTS CONTEXT THREADS``: llama-server's code.

xllamacpp carries llama.cpp's server as a library; this serves it by itself, where no
``llama-server`` is at hand.
"""

import signal
import sys


def main() -> None:
    """Serve until killed."""
    from xllamacpp import CommonParams, Server

    path, port, slots, context, threads = sys.argv[1:]
    params = CommonParams()
    params.model.path = path
    params.hostnames, params.port = ["127.0.0.1"], int(port)
    params.n_parallel, params.n_ctx = int(slots), int(context)
    params.cpuparams.n_threads = params.cpuparams_batch.n_threads = int(threads)
    params.warmup = True
    server = Server(params)
    print(server.listening_address, flush=True)  # noqa: T201
    signal.pause()


if __name__ == "__main__":
    main()
