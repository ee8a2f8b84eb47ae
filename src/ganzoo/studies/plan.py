"""The plan of a study: every combination built once, without data, and given an identity."""

import hashlib
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from ganzoo import api, registry
from ganzoo.engine import directory
from ganzoo.engine.build import build
from ganzoo.engine.run import Run
from ganzoo.errors import GanzooError, MisfitError, PluginError, ResourceError, UsageError
from ganzoo.studies.file import LISTS, PARTS, SETTINGS, Combination, Study
from ganzoo.studies.job import Job


@dataclass(frozen=True)
class Plan:
    """The jobs of a study, in the order of its file, and why other cases cannot run."""

    study: Study
    directory: Path
    jobs: tuple[Job, ...]
    refused: Mapping[str, str]


def make(study: Study, target: Path) -> Plan:
    """Build every case with the library's own checks; nothing is written and no data are loaded.

    Cases whose parts cannot play together are refused. Raises UsageError for what is wrong in the file, and
    where no case is left.
    """
    for name in study.metrics:
        registry.find("metrics", name).load()
    built: dict[str, Run | str] = {}
    jobs: dict[str, Job] = {}
    for combination in study.combinations:
        label = combination.label
        if label not in built:
            built[label] = _build(combination, target)
        made = built[label]
        if isinstance(made, Run):
            job = _job(study, combination, made, target)
            identity = job.name.rpartition("-")[2]
            if identity in jobs:
                raise UsageError(f"the cases {jobs[identity].label!r} and {label!r} are the same run.")
            jobs[identity] = job
    refused = {label: reason for label, reason in built.items() if isinstance(reason, str)}
    if not jobs:
        label, reason = next(iter(refused.items()))
        raise UsageError(f"no case can run. The first, {label!r}: {reason}")
    return Plan(study, target, tuple(jobs.values()), refused)


def _build(combination: Combination, target: Path) -> Run | str:
    """A run of the combination, not begun; or the reason why there can be none."""
    try:
        return _run(combination.words, target / "runs" / combination.label)
    except (MisfitError, PluginError, ResourceError) as error:
        return str(error)
    except GanzooError as error:
        raise UsageError(f"case {combination.label!r}: {error}") from error


def _run(words: Mapping[str, Any], target: Path) -> Run:
    parts = {role: words.get(role) for role in PARTS if role != "recipe"}
    none = directory.Config({}, {})
    lists = {role: words.get(role) for role in LISTS if role != "callback"}
    recipe = api.plan(words.get("recipe"), none, parts, lists, words.get("callback"))
    for path, value in words.items():
        if path not in {*PARTS, *LISTS, *SETTINGS}:
            recipe = recipe.set(path, value)
    given = {word: value for word, value in words.items() if word in SETTINGS}
    return build(recipe, api.make_settings({"threads": 1, **given}, {}, None), target)


def _job(study: Study, combination: Combination, made: Run, target: Path) -> Job:
    settings = replace(made.settings, seed=combination.seed)
    run: dict[str, Any] = settings.to_table()
    recipe = made.recipe.to_table()
    recipe.pop("paper", None)
    mark = identity(recipe, run, directory.versions(api.packages_of(made)))
    known = sorted(target.glob(f"notes/*-{mark}"))  # a case may have had another name
    slug = re.sub(r"[^\w.+=-]+", "-", f"{combination.label}-seed-{combination.seed}").strip("-.")[:120]
    if settings.data is not None:
        run["data"] = str(settings.data.expanduser().absolute())
    if "checkpoint_every" in combination.words:
        run["checkpoint_every"] = combination.words["checkpoint_every"]
    return Job(
        name=known[0].name if known else f"{slug}-{mark}",
        label=combination.label,
        title=str(combination.words.get("recipe", "run")),
        seed=combination.seed,
        steps=made.total_steps,
        study=str(target.absolute()),
        recipe=recipe,
        run=run,
        metrics=study.metrics,
        samples=study.samples,
    )


def identity(recipe: Mapping[str, Any], run: Mapping[str, Any], versions: Mapping[str, str]) -> str:
    """What two runs share that agree in every option, setting and version."""
    text = json.dumps([recipe, run, versions], sort_keys=True)
    return hashlib.blake2b(text.encode(), digest_size=6).hexdigest()
