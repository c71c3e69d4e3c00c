"""Whether webhooks can leave."""

import socket
from collections.abc import Iterator

from cli.doctor.finding import Finding, ok, warn
from cli.doctor.scene import TIMEOUT_SECONDS, Scene

HTTPS = 443
#: Networks with fewer bits open more than anybody means.
NARROWEST_OPEN = 8


def way_out(scene: Scene) -> Iterator[Finding]:
    """A name resolves and answers; webhooks use no proxy."""
    host, _, port = scene.egress.partition(":")
    fix = "webhooks go straight out: let DNS and port 443 through, or ask with --egress HOST:PORT"
    try:
        socket.getaddrinfo(host, None)
        with socket.create_connection((host, int(port or HTTPS)), TIMEOUT_SECONDS):
            pass
    except OSError as error:
        yield warn("webhook egress", f"{scene.egress} cannot be reached: {error}.", fix)
    else:
        yield ok("webhook egress", f"{scene.egress} can be reached.")


def opened_networks(scene: Scene) -> Iterator[Finding]:
    """WEBHOOK_ALLOW_NETWORKS opens no more than somebody meant."""
    for network in scene.settings.allowed_networks:
        if network.prefixlen < NARROWEST_OPEN:
            said = f"WEBHOOK_ALLOW_NETWORKS has {network}: users may reach nearly every address."
            yield warn("webhook networks", said, "list the receivers' networks only")
