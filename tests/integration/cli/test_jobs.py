"""Asking, listing, watching, cancelling."""

import json

import pytest

from tests.support.caravan import Caravan


def test_the_text_alone_goes_to_stdout(caravan: Caravan) -> None:
    done = caravan("generate", "Hello", "-n", "12")

    assert done.returncode == 0
    assert done.stdout == "HelloHelloHe\n"
    assert "12 tokens in" in done.stderr
    assert "\x1b" not in done.stdout + done.stderr


def test_a_prompt_comes_from_stdin(caravan: Caravan) -> None:
    for arguments in (["generate", "-", "-n", "5"], ["generate", "-n", "5"]):
        assert caravan(*arguments, stdin="Hello").stdout == "Hello\n"


def test_the_job_is_one_json_document(caravan: Caravan) -> None:
    job = caravan.json("generate", "Hello", "-n", "5", "--metadata", "desk=7", "-p", "high")

    assert job["status"] == "completed"
    assert job["result"]["text"] == "Hello"
    assert (job["priority"], job["metadata"]) == ("high", {"desk": "7"})


def test_an_explanation_takes_its_facts_from_the_command_line(caravan: Caravan) -> None:
    facts = ["AAPL", "--type", "options", "iv_rank=65", "greeks.delta=0.42", "option_type=call"]

    job = caravan.json("explain", *facts, "-n", "8")

    assert job["kind"] == "explain"
    assert job["result"]["explanation"]


def test_a_context_may_be_json_with_a_part_on_the_command_line(caravan: Caravan) -> None:
    context = json.dumps({"analysis_type": "sentiment", "symbol": "AAPL", "iv_rank": 1})

    job = caravan.json("explain", "MSFT", "--context", "-", "-n", "5", stdin=context)

    assert job["status"] == "completed"


def test_a_field_out_of_limits_is_told_with_limit_and_value(caravan: Caravan) -> None:
    done = caravan("generate", "Hello", "-n", "99999")

    assert done.returncode == 2
    assert "max_tokens = 99999, limit: 1..4096 tokens" in done.stderr


def test_an_error_is_json_for_programs(caravan: Caravan) -> None:
    done = caravan("generate", "Hello", "-n", "99999", "--json")

    error = json.loads(done.stderr)["error"]
    assert (error["code"], error["exit_code"]) == ("invalid-request", 2)
    assert error["fields"][0]["field"] == "max_tokens"


def test_a_verb_that_is_not_there_is_met_with_the_nearest(caravan: Caravan) -> None:
    done = caravan("generat", "Hello")

    assert done.returncode == 2
    assert "generate" in done.stderr


@pytest.mark.parametrize(
    "arguments",
    [
        ["generate"],
        ["explain"],
        ["explain", "AAPL", "iv_rank"],
        ["explain", "--context", "[]"],
        ["generate", "Hello", "--metadata", "desk"],
        ["jobs", "--status", "dead"],
    ],
)
def test_wrong_usage_is_exit_status_2(caravan: Caravan, arguments: list[str]) -> None:
    done = caravan(*arguments)

    assert done.returncode == 2
    assert "Traceback" not in done.stderr


def test_a_detached_job_is_watched_later(caravan: Caravan) -> None:
    # Given a job whose command returned at once
    job_id = caravan("generate", "Hello", "-n", "12", "--detach").stdout.strip()
    # When somebody comes back to it
    watched = caravan("watch", job_id)
    events = [json.loads(line) for line in caravan("watch", job_id, "--json").stdout.splitlines()]
    # Then the whole text is there, for people and for programs
    assert watched.stdout == "HelloHelloHe\n"
    text = "".join(event["data"]["text"] for event in events if event["event"] == "token")
    assert text == "HelloHelloHe"
    assert events[-1]["event"] == "done"
    assert events[-1]["data"]["status"] == "completed"


def test_the_same_idempotency_key_is_the_same_job(caravan: Caravan) -> None:
    ask = ["generate", "Hello", "-d", "--idempotency-key", "order-66"]

    assert caravan(*ask).stdout == caravan(*ask).stdout


def test_jobs_are_filtered_and_come_in_pages(caravan: Caravan) -> None:
    # Given three jobs of one priority
    made = [caravan("generate", "Hi", "-n", "2", "-p", "low", "-d").stdout.strip() for _ in "abc"]
    # When they are listed, one more than a page
    page = caravan.json("jobs", "--priority", "low", "--limit", "2")
    rest = caravan.json("jobs", "--priority", "low", "--after", page["last_id"])
    # Then they are all there, newest first
    ids = [job["id"] for job in page["data"] + rest["data"]]
    assert ids[:3] == made[::-1]
    assert page["has_more"]
    assert made[0] in caravan("jobs", "-p", "low").stdout


def test_cancel_names_each_job_that_it_could_not_end(caravan: Caravan) -> None:
    done = caravan("cancel", "job_nobody", "job_either")

    assert done.returncode == 1
    assert done.stderr.count("job-not-found") == 2


def test_status_shows_workers_and_queues_without_a_login(stranger: Caravan) -> None:
    done = stranger("status")
    body = stranger.json("status")

    assert done.returncode == 0
    assert "healthy" in done.stdout
    assert "urgent 0" in done.stdout
    assert body["workers"][0]["state"] == "ready"


def test_nobody_at_the_address_is_exit_status_5_with_the_command_to_start_it(
    caravan: Caravan,
) -> None:
    done = caravan("jobs", CARAVAN_URL="http://127.0.0.1:9")

    assert done.returncode == 5
    assert "http://127.0.0.1:9" in done.stderr
    assert "make run" in done.stderr


def test_an_address_without_a_scheme_is_refused(caravan: Caravan) -> None:
    for verb in ("status", "login"):
        assert caravan(verb, "--url", "localhost:8000").returncode == 2


def test_a_wrong_setting_is_told_by_its_name(caravan: Caravan) -> None:
    done = caravan("jobs", CARAVAN_URL="localhost:8000")

    assert done.returncode == 2
    assert "CARAVAN_URL=localhost:8000" in done.stderr


def test_a_load_shows_rates_and_quantiles(caravan: Caravan) -> None:
    report = caravan.json("bench-load", "--jobs", "20", "-c", "4", "-n", "5")

    assert report["jobs"] == {"completed": 20}
    assert report["jobs_per_minute"] > 0
    total = report["total_ms"]
    assert 0 < total["p50"] <= total["p95"] <= total["p99"]
    assert (report["errors"], report["refusals"]) == ({}, {})


def test_a_load_with_a_wrong_token_ends_at_once(caravan: Caravan) -> None:
    assert caravan("bench-load", "--jobs", "5", CARAVAN_TOKEN="x").returncode == 3


def test_verbs_and_words_are_completed_by_the_shell(caravan: Caravan) -> None:
    typed = {"COMP_WORDS": "caravan ge", "COMP_CWORD": "1", "_CARAVAN_COMPLETE": "complete_bash"}
    words = {"COMP_WORDS": "caravan jobs --status f", "COMP_CWORD": "3"}

    assert "generate" in caravan(**typed).stdout.split()
    assert caravan(**{**typed, **words}).stdout.split() == ["failed"]
