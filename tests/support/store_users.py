"""The users of compose/valkey/users.acl on a server of the tests.

``STORE_USERS=1 pytest ...`` runs every stack of a suite with them: each process as its own
user, and a stack that was refused anything fails when it stops.
"""

import os
from pathlib import Path

from redis import Redis
from redis.exceptions import RedisError

from cli.store_users import TEMPLATE, render
from tests.support.valkey import ValkeyServer

EACH_ITS_USER = bool(os.environ.get("STORE_USERS"))

NAMES = ("gateway", "inference", "webhooks", "maintenance", "flower", "keda", "operator")
PASSWORDS = {f"REDIS_PASSWORD_{name.upper()}": f"the password of {name}" for name in NAMES}


class StoreUsers:
    """The rendered file; the user ``default`` stays open, for the tests themselves."""

    def __init__(self, directory: Path) -> None:
        path = directory.with_name(f"{directory.name}.acl")  # the directory may not be there yet
        users = render(TEMPLATE.read_text(), PASSWORDS)
        path.write_text(users.replace("user default off", "user default on nopass ~* &* +@all"))
        self.options = ("--aclfile", str(path), "--acllog-max-len", "1000")

    def url(self, role: str, server: ValkeyServer) -> str:
        """The store's address for a role of the product."""
        user = {"api": "gateway"}.get(role, role)
        return address(server, user)

    def refused(self, url: str) -> list[str]:
        """Who was refused what, as far as the server remembers."""
        try:
            with Redis.from_url(url, decode_responses=True) as client:
                return [
                    f"{entry['username']}: {entry['reason']} {entry['object']} ({entry['context']})"
                    for entry in client.acl_log()
                    if entry["reason"] != "auth"
                ]
        except RedisError:
            return []  # killed by its test


def address(server: ValkeyServer, user: str) -> str:
    """Where ``user`` logs in."""
    password = f"the%20password%20of%20{user}"
    return f"redis://{user}:{password}@127.0.0.1:{server.port}/0"
