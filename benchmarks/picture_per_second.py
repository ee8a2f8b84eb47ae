"""How good the pictures are after so much training: the Frechet distance against processor time.

    python benchmarks/picture_per_second.py [--data DIR] [--seconds 30 60 180] [--seed N] [SYSTEM ...]

Each system is its recipe on one thread, and the clock is the processor time of its training steps alone:
neither a busy machine nor the measuring counts. At every mark 10,000 samples of the generator (the averaged
one where the recipe averages) are held against as many training samples, by the features of the data's own
classifier; the floor is what held-out pictures get. `gaussian`, which makes no pictures, shows its KL.
"""

import argparse
import tempfile
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

import torch

from ganzoo.api import make_settings, plan
from ganzoo.engine import directory
from ganzoo.engine.build import build
from ganzoo.engine.run import Run
from ganzoo.engine.sampling import unified
from ganzoo.measuring import find
from ganzoo.recipe import Recipe
from ganzoo.reference import Reference, reference

SYSTEMS = ("quick", "vanilla", "vanilla-bn", "cgan", "dcgan", "fashion", "gaussian")
DATA = {"gaussian": "gaussian", "fashion": "fashion-mnist"}
METRICS = {"gaussian": "kl-histogram"}


def recipe_of(system: str) -> Recipe:
    """The recipe of a system on its own data, without callbacks."""
    data = DATA.get(system, "mnist")
    return plan(system, directory.Config({}, {}), {"dataset": data}, {}).with_part("callback", ())


def prepare(recipe: Recipe, data: Path | None, seed: int, folder: Path) -> Run:
    """The run of a recipe on one thread, with its data loaded."""
    run = build(recipe, make_settings({}, {"data": data, "seed": seed, "threads": 1}, None), folder)
    run.feed  # noqa: B018 - loads the data
    return run


def train(run: Run, seconds: float) -> float:
    """Train for so much processor time and return the time that it was."""
    started = time.process_time()
    while (spent := time.process_time() - started) < seconds:
        run.play()
    return spent


def measured(run: Run, judge: Reference, metric: str) -> float:
    """The first number of a metric."""
    labels = judge.wanted(run.game.spec.classes) if run.is_conditional else None
    samples = unified(run.generate(len(judge.real.samples), labels), run.spec)
    (numbers,) = judge.measure(find([metric]), judge.side(samples, labels)).values()
    return next(iter(numbers.values()))


def marks(run: Run, metric: str, seconds: Sequence[float]) -> Iterator[tuple[float, float, float]]:
    """Seconds spent, the number there and its floor, at every mark."""
    judge = reference(run.parts.resolved["dataset"][0], run.dataset, run.samples)
    (floors,) = judge.floor(find([metric])).values()
    floor, spent = next(iter(floors.values())), 0.0
    for mark in seconds:
        spent += train(run, mark - spent)
        yield spent, measured(run, judge, metric), floor


def main() -> None:
    """Print a line for every system and mark."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("systems", nargs="*", default=SYSTEMS, metavar="SYSTEM")
    parser.add_argument("--data", type=Path)
    parser.add_argument("--seconds", type=float, nargs="+", default=[30, 60, 180])
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    print(f"torch {torch.__version__}, one thread, seed {options.seed}")
    print(f"{'system':12}{'seconds':>9}{'steps':>9}{'images':>14}  {'metric':14}{'value':>9}{'floor':>9}")
    for system in options.systems:
        metric = METRICS.get(system, "frechet")
        with tempfile.TemporaryDirectory() as folder:
            run = prepare(recipe_of(system), options.data, options.seed, Path(folder))
            for spent, value, floor in marks(run, metric, sorted(options.seconds)):
                place = f"{system:12}{spent:9.1f}{run.step:9,}{run.images:14,}"
                print(f"{place}  {metric:14}{value:9.4g}{floor:9.4g}", flush=True)


if __name__ == "__main__":
    main()
