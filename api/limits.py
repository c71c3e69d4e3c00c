"""Limits of a user beside that of requests, and the problems of who exceeds them.

RateLimited
└── 429 TooManyTokens, TooManyStreams
"""

from api.problems import RateLimited


class TooManyTokens(RateLimited):
    status, code, title = 429, "too-many-tokens", "Too many tokens a minute"
    limit = "tokens"


class TooManyStreams(RateLimited):
    status, code, title = 429, "too-many-streams", "Too many open event streams"
    limit = "streams"
