"""The judge of a chaos run sees what is wrong: a verdict of "all well" means something."""

from dataclasses import replace

from benchmarks.chaos.crowd import Acceptance, Order
from benchmarks.chaos.evidence import Evidence, Kill, judge
from benchmarks.chaos.result import Spread
from common.events import Chunk
from common.job import Job, JobKind, JobStatus, Work
from common.prompt import Prompt
from common.queues import Priority
from common.sampling import Sampling

ORDER = Order("key", "ab", 3)
JOB = Job(
    id="job_1",
    user="ada",
    kind=JobKind.GENERATE,
    priority=Priority.NORMAL,
    status=JobStatus.COMPLETED,
    work=Work(Prompt(text="ab"), Sampling()),
    created_ms=1,
    enqueued_ms=1,
    attempts=1,
    tokens=3,
    text="aba",
    lengths="1,1,1",
)
WELL = Evidence(
    acceptances=[Acceptance("job_1", ORDER, at=10.0)],
    jobs={"job_1": JOB},
    records=1,
    settled=1,
    queued={"job_1": [10.0]},
    claims={"job_1": [11.0]},
    ends={"job_1": [12.0]},
    chunks={"job_1": [Chunk("job_1", 0, 2, "ab"), Chunk("job_1", 2, 1, "a")]},
    kills=[],
    refusal_seconds=[0.2],
    seconds=5.0,
)


def test_a_job_that_was_accepted_and_completed_breaks_nothing() -> None:
    result = judge("calm", WELL)
    assert result.broken == ()
    assert (result.accepted, result.completed, result.lost, result.double_terminals) == (1, 1, 0, 0)


def test_a_job_without_a_record_or_an_end_is_lost() -> None:
    queued = replace(JOB, status=JobStatus.QUEUED)
    for jobs in ({"job_1": None}, {"job_1": queued}):
        result = judge("loss", replace(WELL, jobs=jobs))
        assert result.lost == 1
        assert result.broken


def test_a_second_end_is_heard_though_the_record_shows_one() -> None:
    result = judge("double", replace(WELL, ends={"job_1": [12.0, 13.0]}))
    assert result.double_terminals == 1
    assert result.broken == ("job_1 ended 2 times",)
    # And counted by the store, should nobody have heard it
    assert judge("double", replace(WELL, settled=2)).broken == ("1 jobs ended 2 times",)


def test_a_failed_job_a_wrong_text_and_a_token_said_twice_are_broken_promises() -> None:
    failed = replace(JOB, status=JobStatus.FAILED)
    wrong = replace(JOB, text="abb")
    twice = [*WELL.chunks["job_1"], Chunk("job_1", 2, 1, "a")]
    assert judge("failed", replace(WELL, jobs={"job_1": failed})).broken
    assert judge("wrong", replace(WELL, jobs={"job_1": wrong})).broken
    assert judge("twice", replace(WELL, chunks={"job_1": twice})).broken


def test_a_key_that_made_two_jobs_and_a_slow_refusal_are_broken_promises() -> None:
    assert judge("keys", replace(WELL, records=2)).broken == ("1 keys made 2 jobs",)
    assert judge("slow", replace(WELL, refusal_seconds=[7.0])).broken


def test_what_a_cut_file_undid_is_counted_and_excused() -> None:
    # Given a job that was accepted, or ended, in the second that was cut off
    cut = replace(WELL, undone_since=9.0)
    # Then its loss, or its second end, is shown and breaks no promise
    lost = judge("cut", replace(cut, jobs={"job_1": None}))
    twice = judge("cut", replace(cut, ends={"job_1": [12.0, 30.0]}))
    assert (lost.lost, lost.broken) == (1, ())
    assert (twice.double_terminals, twice.broken) == (1, ())
    # But not if it was accepted before
    assert judge("cut", replace(cut, jobs={"job_1": None}, undone_since=10.5)).broken


def test_rescue_and_recovery_run_from_the_kill() -> None:
    # Given a job whose worker was killed, and that another claimed; later kills found it done
    kills = [Kill(11.5, ["job_1"]), Kill(20.0, ["job_1"])]
    queued, claims = {"job_1": [10.0, 13.0]}, {"job_1": [11.0, 14.0]}
    result = judge("kill", replace(WELL, kills=kills, queued=queued, claims=claims))
    # Then one runs until it was back in its queue, the other until it was claimed
    assert result.rescue == Spread(1, 1.5, 1.5, 1.5)
    assert result.recovery == Spread(1, 2.5, 2.5, 2.5)


def test_percentiles_are_durations_that_occurred() -> None:
    assert Spread.of([3.0, 1.0, 2.0]) == Spread(3, 2.0, 3.0, 3.0)
    assert Spread.of([]) == Spread(0)
