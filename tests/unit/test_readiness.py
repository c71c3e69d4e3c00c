from pathlib import Path

from cli.readiness import Deaths, last_lines, unmet
from cli.supervisor import ProcessState

LOG = Path("gateway.log")


def gateway(state: str, pid: int = 0) -> ProcessState:
    return ProcessState("gateway", state, pid, LOG)


def test_a_process_that_runs_is_not_dying() -> None:
    deaths = Deaths()

    for _ in range(100):
        assert deaths.keeps_dying([gateway("RUNNING", pid=1)]) is None


def test_a_process_may_die_twice_and_the_third_start_tells() -> None:
    # Given a gateway that dies again and again
    deaths = Deaths()
    lives = [gateway("STARTING", 1), gateway("BACKOFF"), gateway("STARTING", 2), gateway("BACKOFF")]

    # When it was started twice, that may happen
    assert [deaths.keeps_dying([life]) for life in lives] == [None] * 4

    # Then the third start is one too many
    assert deaths.keeps_dying([gateway("STARTING", 3)]) == gateway("STARTING", 3)


def test_a_process_that_was_given_up_is_told_at_once() -> None:
    assert Deaths().keeps_dying([gateway("FATAL")]) == gateway("FATAL")


def test_the_checks_that_failed_are_told_in_their_own_words() -> None:
    body = {
        "checks": {
            "redis": {"ok": True, "detail": "Redis answers."},
            "workers": {"ok": False, "detail": "0 of 1 workers ready."},
            "model": {"ok": False, "detail": "Loading."},
        }
    }

    assert unmet(body) == "0 of 1 workers ready. Loading."


def test_only_the_end_of_a_log_is_shown(tmp_path: Path) -> None:
    log = tmp_path / "a.log"
    log.write_text("\n".join(map(str, range(100))))

    assert last_lines(log, 2) == "    98\n    99"


def test_a_log_that_is_not_there_yet_is_empty(tmp_path: Path) -> None:
    assert last_lines(tmp_path / "none.log").strip() == "(empty)"
