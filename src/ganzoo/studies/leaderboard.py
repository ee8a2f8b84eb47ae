"""The leaderboard of a study: its cases ranked by a score, over seeds."""

import json
import math
import statistics
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from ganzoo.errors import UsageError
from ganzoo.options import suggest
from ganzoo.studies.file import Study
from ganzoo.studies.job import Job, State


@dataclass(frozen=True)
class Entry:
    """One run of a case and what is known about it."""

    job: Job
    state: State

    @property
    def is_done(self) -> bool:
        """Whether it is trained and measured."""
        return self.state.is_done(self.job)


@dataclass(frozen=True)
class Summary:
    """Some numbers in short. sd: the sample standard deviation, NaN for one number alone."""

    n: int
    mean: float
    sd: float
    best: float


@dataclass(frozen=True)
class Row:
    """A case and its runs; or why it was refused."""

    label: str
    entries: tuple[Entry, ...] = ()
    refused: str = ""

    @property
    def done(self) -> list[Entry]:
        """The runs that are complete."""
        return [entry for entry in self.entries if entry.is_done]

    @property
    def failed(self) -> list[Entry]:
        """The runs that ended with an error."""
        return [entry for entry in self.entries if entry.state.error]

    @property
    def status(self) -> str:
        """`done`, `refused`, `3 of 5 failed`, `2 of 5 done`."""
        if self.refused:
            return "refused"
        if self.failed:
            return f"{len(self.failed)} of {len(self.entries)} failed"
        done, planned = len(self.done), len(self.entries)
        return "done" if done == planned else f"{done} of {planned} done"

    @property
    def data(self) -> str:
        """The data set with its options; empty where the case was refused."""
        return json.dumps(self.entries[0].job.recipe["dataset"], sort_keys=True) if self.entries else ""

    @property
    def seconds(self) -> float:
        """The mean training time of a complete run."""
        return _mean([entry.state.seconds for entry in self.done])

    @property
    def images_per_s(self) -> float:
        """The mean speed of a complete run."""
        return _mean([entry.state.images_per_s for entry in self.done])

    def floor(self, name: str) -> float:
        """The mean over the runs of what a perfect generator would get."""
        return _mean([entry.state.floors[name] for entry in self.done if name in entry.state.floors])

    def values(self, name: str) -> list[float]:
        """A number of every complete run that has it, in the order of the seeds."""
        return [entry.state.numbers[name] for entry in self.done if name in entry.state.numbers]


@dataclass(frozen=True)
class Leaderboard:
    """All cases of a study; `rows` are ranked, the ones without a score last."""

    study: Study
    directory: Path
    cases: tuple[Row, ...]

    @cached_property
    def numbers(self) -> list[str]:
        """Names of the measured numbers, the score first."""
        names = [name for row in self.cases for entry in row.done for name in entry.state.numbers]
        known = list(dict.fromkeys(names))
        first = [name for name in known if name == self.study.score]
        return [*first, *(name for name in known if name != self.study.score)]

    @property
    def score(self) -> str:
        """The number that ranks, empty before any was measured."""
        return self.numbers[0] if self.numbers else ""

    @property
    def rows(self) -> list[Row]:
        """The cases, the best mean first, one data set after the other: scores of two do not compare.

        Data sets, equal cases and those without a score are in the order of the file.
        """
        sign = 1 if self.study.best == "lowest" else -1
        data = [row.data for row in self.cases]

        def rank(row: Row) -> tuple[int, float]:
            mean = self.summary(row, self.score).mean
            return (1, 0.0) if math.isnan(mean) else (0, sign * mean)

        return sorted(self.cases, key=lambda row: (not row.entries, data.index(row.data), *rank(row)))

    @property
    def failed(self) -> list[Entry]:
        """The runs that ended with an error."""
        return [entry for row in self.cases for entry in row.failed]

    @property
    def is_complete(self) -> bool:
        """Whether every run that was not refused is done."""
        return all(entry.is_done for row in self.cases for entry in row.entries)

    def check_score(self) -> None:
        """Raise UsageError where the study ranks by a number that none of its metrics gives."""
        score = self.study.score
        if score is not None and self.numbers and score not in self.numbers:
            raise UsageError(f"score is {score!r}, which was not measured.{suggest(score, self.numbers)}")

    def summary(self, row: Row, name: str) -> Summary:
        """A number of a case over its seeds; there is no sd where one of them is not finite."""
        values = row.values(name)
        finite = [value for value in values if math.isfinite(value)]
        sd = statistics.stdev(values) if len(values) > 1 and len(finite) == len(values) else math.nan
        best = (min if self.study.best == "lowest" else max)(finite, default=math.nan)
        return Summary(len(values), _mean(values), sd, best)

    def to_table(self) -> dict[str, Any]:
        """All of it as JSON shows it."""
        return {
            "study": self.study.name,
            "about": self.study.about,
            "directory": str(self.directory),
            "score": self.score,
            "best": self.study.best,
            "metrics": list(self.study.metrics),
            "samples": self.study.samples,
            "complete": self.is_complete,
            "rows": [self._row_table(row) for row in self.rows],
        }

    def _row_table(self, row: Row) -> dict[str, Any]:
        summaries = {name: self.summary(row, name) for name in self.numbers}
        return {
            "case": row.label,
            "status": row.status,
            "reason": row.refused,
            "seconds": _or_none(row.seconds),
            "images_per_s": _or_none(row.images_per_s),
            "numbers": {
                name: {
                    "n": s.n,
                    "mean": _or_none(s.mean),
                    "sd": _or_none(s.sd),
                    "best": _or_none(s.best),
                    "floor": _or_none(row.floor(name)),
                }
                for name, s in summaries.items()
            },
            "runs": [_entry_table(entry) for entry in row.entries],
        }

    def head(self, others: int | None = None) -> list[str]:
        """The titles of the columns that `cells` fills; others: how many numbers beside the score, or all."""
        score = self.score or "score"
        return ["case", "n", score, "sd", "best", "floor", *self.numbers[1:][:others], "time", "images/s"]

    def cells(self, row: Row, others: int | None = None) -> list[str]:
        """A row as text."""
        main = self.summary(row, self.score)
        beside = [self.summary(row, name) for name in self.numbers[1:][:others]]
        return [
            row.label,
            str(main.n) if main.n == len(row.entries) and not row.refused else row.status,
            *(text(value) for value in (main.mean, main.sd, main.best, row.floor(self.score))),
            *(f"{text(s.mean)} ± {text(s.sd)}" if s.n > 1 else text(s.mean) for s in beside),
            "" if math.isnan(row.seconds) else f"{row.seconds:.1f} s",
            "" if math.isnan(row.images_per_s) else f"{row.images_per_s:,.0f}",
        ]

    def remarks(self) -> Iterator[str]:
        """What is to be said below the table: how it was measured, what was refused and what failed."""
        if self.score:
            several = len({row.data for row in self.cases if not row.refused}) > 1
            within = " within each data set" if several else ""
            ranked = f"{self.study.best} {self.score} first{within}, mean and sample sd over n seeds"
            yield f"{ranked}; floor: what held-out real samples get."
        yield from (f"{row.label} was refused: {row.refused}" for row in self.cases if row.refused)
        yield from (f"{e.job.label}, seed {e.job.seed} failed: {e.state.error}" for e in self.failed)

    def markdown(self) -> str:
        """The leaderboard as a page of Markdown."""
        head = self.head()
        table = [head, ["---", *["---:"] * (len(head) - 1)], *map(self.cells, self.rows)]
        lines = ["| " + " | ".join(cell.replace("|", "\\|") for cell in row) + " |" for row in table]
        remarks = [" ".join(remark.split()) for remark in self.remarks()]
        about = [self.study.about, ""] if self.study.about else []
        listed = [f"- {remark}" for remark in remarks]
        return "\n".join([f"# {self.study.name}", "", *about, *lines, "", *listed]) + "\n"


def of(study: Study, directory: Path, entries: Sequence[Entry], refused: Mapping[str, str]) -> Leaderboard:
    """The leaderboard of these runs, cases in the order of the study file."""
    labels = dict.fromkeys(combination.label for combination in study.combinations)
    runs = {label: tuple(entry for entry in entries if entry.job.label == label) for label in labels}
    rows = tuple(Row(label, runs[label], refused.get(label, "")) for label in labels)
    return Leaderboard(study, directory, rows)


def text(value: float) -> str:
    """A number with four significant digits; nothing where there is none."""
    return "" if math.isnan(value) else f"{value:.4g}"


def _entry_table(entry: Entry) -> dict[str, Any]:
    state = entry.state
    return {
        "seed": entry.job.seed,
        "directory": f"runs/{entry.job.name}",
        "done": entry.is_done,
        "step": state.step,
        "steps": entry.job.steps,
        "seconds": state.seconds,
        "images_per_s": state.images_per_s,
        "numbers": {name: _or_none(value) for name, value in state.numbers.items()},
        "floors": {name: _or_none(value) for name, value in state.floors.items()},
        "error": state.error or None,
    }


def _mean(values: Sequence[float]) -> float:
    return statistics.fmean(values) if values else math.nan


def _or_none(value: float) -> float | None:
    return value if math.isfinite(value) else None
