"""A pool for studies that does every job in this process."""

from ganzoo.studies.job import Job
from ganzoo.studies.work import complete


class Here:
    """A pool that does jobs in this process; it remembers which."""

    def __init__(self) -> None:
        self.asked: list[Job] = []
        self.queue: list[Job] = []

    def has_room(self) -> bool:
        return not self.queue

    def submit(self, job: Job) -> None:
        self.asked.append(job)
        self.queue.append(job)

    def finished(self) -> list[tuple[Job, str]]:
        done = []
        while self.queue:
            job = self.queue.pop()
            complete(job)
            done.append((job, ""))
        return done

    def stop(self) -> None:
        self.queue.clear()

    def close(self) -> None:
        self.queue.clear()
