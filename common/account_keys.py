"""The Redis keys of users, their sessions and API keys, and of what they used."""

#: Sorted set, user name -> created: all users with a record.
USERS = "users"
#: Seconds of the slices in which ended jobs are counted; kept for two hours.
PULSE_SECONDS = 15
#: How long sums of usage are kept.
USAGE_SECONDS = 400 * 24 * 3600


def retired(name: str) -> str:
    """String: the name of a deleted user, which is not given again for a while."""
    return f"retired:{name}"


def session(session_id: str) -> str:
    """Hash: an open session, its user and the digest of its refresh secret."""
    return f"session:{session_id}"


def user_sessions(user: str) -> str:
    """Sorted set, session id -> last refresh: the open sessions of a user."""
    return f"sessions:{user}"


def api_key(key_id: str) -> str:
    """Hash: an API key, with the digest of its secret."""
    return f"apikey:{key_id}"


def user_keys(user: str) -> str:
    """Set: the ids of a user's API keys."""
    return f"apikeys:{user}"


def login_tries(digest: str) -> str:
    """Hash: failed logins of an account at an address, or of an address."""
    return f"login:{digest}"


def usage(user: str, day: int) -> str:
    """Hash, "{what}|{model}" -> sum: what a user used on a day since 1970 (UTC)."""
    return f"usage:{user}:{day}"


def users_of_day(day: int) -> str:
    """Set: the users who used anything on that day."""
    return f"usage:{day}"


def spent(user: str, month: str) -> str:
    """String, billionths of a dollar: what a user spent in a month such as 2026-11 (UTC)."""
    return f"spent:{user}:{month}"


def pulse(number: int) -> str:
    """Hash: what ended in one slice of PULSE_SECONDS, and how long it took, in buckets."""
    return f"pulse:{number}"
