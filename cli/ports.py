"""Which TCP ports are taken."""

import socket

HIGHEST_PORT = 65535


def is_taken(port: int, host: str = "127.0.0.1") -> bool:
    """Whether a server could not listen on the port.

    Connecting too matters: macOS lets 127.0.0.1 be bound under somebody's 0.0.0.0.
    """
    with socket.socket() as probe:
        if probe.connect_ex((_reachable(host), port)) == 0:
            return True
    with socket.socket() as server:
        server.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            server.bind((host, port))
        except OSError:
            return True
    return False


def next_free(port: int, host: str = "127.0.0.1") -> int:
    """The first free port from this one on.

    Raises:
        OSError: there is none.
    """
    for candidate in range(port, HIGHEST_PORT + 1):
        if not is_taken(candidate, host):
            return candidate
    raise OSError(f"No free port from {port} on.")


def any_free() -> int:
    """A free port on 127.0.0.1 that the system chooses, and chooses for nobody else for a minute.

    A connection that has ended there keeps it so long in TIME_WAIT: only a server that asks for
    it by its number gets it.
    """
    with socket.create_server(("127.0.0.1", 0)) as server:
        if hasattr(socket, "SO_REUSEPORT"):  # some servers ask with this, and not SO_REUSEADDR
            server.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        port: int = server.getsockname()[1]
        with socket.create_connection(("127.0.0.1", port)) as caller:
            server.accept()[0].close()
            caller.recv(1)
        return port


def _reachable(host: str) -> str:
    return "127.0.0.1" if host in ("0.0.0.0", "::") else host  # noqa: S104 - compared, not bound
