from concurrent.futures import ThreadPoolExecutor
from threading import Barrier, Event

import pytest

from worker.quarantine import Quarantine

TIMEOUT = 10


def test_many_run_together() -> None:
    # Given three threads that meet inside
    quarantine, meeting = Quarantine(), Barrier(3, timeout=TIMEOUT)

    def run() -> None:
        with quarantine.together():
            meeting.wait()

    # Then all get through
    with ThreadPoolExecutor(3) as pool:
        for future in [pool.submit(run) for _ in range(3)]:
            future.result(TIMEOUT)


def test_a_suspect_waits_for_the_others_and_goes_before_newcomers() -> None:
    # Given one that runs, then a suspect, then a newcomer
    quarantine, order = Quarantine(), list[str]()
    inside, leave, suspect_waits = Event(), Event(), Event()

    def first() -> None:
        with quarantine.together():
            inside.set()
            leave.wait(TIMEOUT)
            order.append("first")

    def suspect() -> None:
        suspect_waits.set()
        with quarantine.alone():
            order.append("suspect")

    def newcomer() -> None:
        with quarantine.together():
            order.append("newcomer")

    with ThreadPoolExecutor(3) as pool:
        futures = [pool.submit(first)]
        inside.wait(TIMEOUT)
        futures.append(pool.submit(suspect))
        suspect_waits.wait(TIMEOUT)
        while not quarantine._waiting:
            pass
        futures.append(pool.submit(newcomer))
        # When the first leaves
        leave.set()
        for future in futures:
            future.result(TIMEOUT)
    # Then the suspect was alone, and before the newcomer
    assert order == ["first", "suspect", "newcomer"]


def test_who_comes_last_lets_the_suspects_go_first() -> None:
    # Given one that runs, and two that want to be alone, the first of them last
    quarantine, order = Quarantine(), list[str]()
    inside, leave = Event(), Event()

    def first() -> None:
        with quarantine.together():
            inside.set()
            leave.wait(TIMEOUT)

    def alone(name: str, *, last: bool) -> None:
        with quarantine.alone(last=last):
            order.append(name)

    with ThreadPoolExecutor(3) as pool:
        futures = [pool.submit(first)]
        inside.wait(TIMEOUT)
        for waiting, (name, last) in enumerate([("last", True), ("suspect", False)], 1):
            futures.append(pool.submit(alone, name, last=last))
            while quarantine._waiting < waiting:
                pass
        # When the first leaves
        leave.set()
        for future in futures:
            future.result(TIMEOUT)
    # Then they go the other way round
    assert order == ["suspect", "last"]


def test_an_error_inside_leaves_the_door_open() -> None:
    quarantine = Quarantine()
    for door in (quarantine.alone, quarantine.together, quarantine.alone):
        with pytest.raises(KeyError), door():
            raise KeyError
