"""Who knocks: logins, limits, and what the prompt guard saw."""

from compose.grafana.panel import Board, Query, graph, number, rate

GUARD = "llama_prompt_guard_total"
AUTH = "llama_auth_failures_total"
LIMITED = "llama_rate_limited_total"
SPOKE = 'verdict=~"flag|block"'

BOARD = Board(
    "caravan-guard",
    "Caravan: guard and security",
    "Login failures, refused tokens, rate limits, and the verdicts of the prompt guard.",
    (
        number(
            "Login failures",
            "ops",
            "Wrong passwords.",
            Query(rate(AUTH, labels='reason="login"'), "failures"),
        ),
        number(
            "Refused tokens",
            "ops",
            "Tokens and keys that are missing, wrong or expired.",
            Query(rate(AUTH, labels='reason="token"'), "refused"),
        ),
        number(
            "Rate limited",
            "ops",
            "Requests refused by any limit.",
            Query(rate(LIMITED), "limited"),
        ),
        number(
            "Blocked prompts",
            "ops",
            "Verdicts of block; the policy of the route or user says whether they are refused.",
            Query(rate(GUARD, labels='verdict="block"'), "blocked"),
        ),
        number(
            "Flagged prompts",
            "percentunit",
            "Verdicts of flag or block for each accepted job.",
            Query(
                f"({rate(GUARD, labels=SPOKE)} or vector(0)) / {rate('llama_jobs_accepted_total')}",
                "flagged",
            ),
        ),
        number(
            "Leaked system prompts",
            "ops",
            "Answers that repeat a run of words of their system prompt.",
            Query(f"{rate('llama_prompt_leaks_total')} or vector(0)", "leaks"),
        ),
        graph(
            "Authentication failures",
            "ops",
            "login: wrong password; token: missing, wrong or expired.",
            Query(rate(AUTH, "reason"), "{{reason}}"),
            stacked=True,
        ),
        graph(
            "Rate limits",
            "ops",
            "Requests refused, by limit.",
            Query(rate(LIMITED, "limit"), "{{limit}}"),
            stacked=True,
        ),
        graph(
            "Guard verdicts",
            "ops",
            "Prompts by verdict.",
            Query(rate(GUARD, "verdict"), "{{verdict}}"),
            stacked=True,
        ),
        graph(
            "Guard rules",
            "ops",
            "Rules that spoke up.",
            Query(rate(GUARD, "rule", SPOKE), "{{rule}}"),
            stacked=True,
        ),
        graph(
            "Refusals by status",
            "reqps",
            "HTTP answers with a status of 4xx.",
            Query(
                rate("llama_http_request_duration_seconds_count", "status", 'status=~"4.."'),
                "{{status}}",
            ),
            stacked=True,
        ),
        graph(
            "Refusals by code",
            "reqps",
            "Errors that clients cause, by code.",
            Query(rate("llama_problems_total", "code"), "{{code}}"),
            stacked=True,
        ),
    ),
)
