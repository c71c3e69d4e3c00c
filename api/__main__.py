"""``python -m api``: the gateway on API_HOST:API_PORT."""

import sys

import uvicorn

from api.protocol import HttpProtocol
from api.settings import ApiSettings
from common.settings import read_settings

#: Connections that may wait to be accepted: a crowd that was cut off comes back all at once.
BACKLOG = 4096
#: Seconds after which a thread that checks a long text lets the event loop go on.
SWITCH_SECONDS = 0.0005


def main() -> None:
    """Serve until SIGTERM or SIGINT; open streams get a moment to end."""
    settings = read_settings(ApiSettings)
    sys.setswitchinterval(SWITCH_SECONDS)
    uvicorn.run(
        "api.app:create_app",
        factory=True,
        http=HttpProtocol,
        ws="none",  # no route speaks it
        host=settings.api_host,
        port=settings.api_port,
        backlog=BACKLOG,
        log_config=None,
        access_log=False,
        server_header=False,
        proxy_headers=False,  # ForwardedBy reads them, and only those of listed proxies
        ssl_certfile=settings.tls_cert,
        ssl_keyfile=settings.tls_key,
        timeout_graceful_shutdown=5,
    )


if __name__ == "__main__":
    main()
