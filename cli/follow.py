"""Staying with a job until it has ended, and what Ctrl-C means meanwhile."""

import json
from dataclasses import dataclass
from typing import Any

from cli.client.events import JobEvents
from cli.client.gateway import Gateway
from cli.clock import TokenClock
from cli.exits import ExitCode
from cli.faults import Failed, Fault
from cli.screen.progress import progress_of
from cli.screen.screen import Screen


@dataclass(frozen=True, slots=True)
class Follower:
    """Shows one job; ``cancels``: Ctrl-C ends the job too, not only this command."""

    gateway: Gateway
    screen: Screen
    cancels: bool

    def follow(self, job: dict[str, Any]) -> int:
        """Show the job to its end; the exit status. Raises Fault."""
        clock = TokenClock()
        try:
            ended = self._watch(job, clock)
        except KeyboardInterrupt:
            return self._interrupted(job["id"])
        except Fault as fault:
            fault.hint = fault.hint or f"The job may go on: `caravan watch {job['id']}`."
            raise
        return self._conclude(ended, clock)

    def _watch(self, job: dict[str, Any], clock: TokenClock) -> dict[str, Any]:
        progress = progress_of(self.screen, job["id"], clock)
        try:
            for event in JobEvents(self.gateway, f"/jobs/{job['id']}/events", progress.tells):
                data: dict[str, Any] = json.loads(event.data)
                if event.name == "status":
                    progress.waits(data["status"], data["queue"])
                elif event.name == "token":
                    clock.count(data["tokens"])
                    progress.writes(data["text"], data["tokens"])
                elif event.name == "error":
                    raise Failed(data["message"], code=data["code"])
                elif event.name == "done":
                    return data
        finally:
            progress.close()
        raise AssertionError("a stream ends with done")

    def _conclude(self, job: dict[str, Any], clock: TokenClock) -> int:
        if self.screen.as_json:
            self.screen.json(job)
            return outcome(job)
        if job["status"] == "completed":
            self.screen.tell(f"\n  {clock.timings(job, clock.elapsed())}\n  {job['id']}")
        else:
            self.screen.fault(failure(job))
        return outcome(job)

    def _interrupted(self, job_id: str) -> int:
        if not self.cancels:
            self.screen.tell(f"{job_id} goes on: `caravan watch {job_id}`.", style="yellow")
            return ExitCode.INTERRUPTED
        try:
            self.gateway.delete(f"/jobs/{job_id}")
            self.screen.tell(f"{job_id} is cancelled.", style="yellow")
        except (Fault, KeyboardInterrupt):
            self.screen.tell(f"{job_id} may go on: `caravan cancel {job_id}`.", style="yellow")
        return ExitCode.INTERRUPTED


def outcome(job: dict[str, Any]) -> ExitCode:
    """The exit status for a job that has ended."""
    return ExitCode.OK if job["status"] == "completed" else ExitCode.FAILED


def failure(job: dict[str, Any]) -> Failed:
    """Why a job has no result, in a sentence."""
    error = job.get("error") or {}
    said = f": {error['message']}" if error.get("message") else "."
    return Failed(f"{job['id']} is {job['status']}{said}", code=str(error.get("code") or ""))
