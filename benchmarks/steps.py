"""The step and the feed: ganzoo beside a straight-line script, for each of the six systems.

    python benchmarks/steps.py [--data DIR] [--steps 60] [--precision bfloat16] [--replay off] [SYSTEM ...]

Both sides train the same networks on the same data with the same batch and threads, in turn, a block of
steps each. The table gives the median step of both, the feed included, their ratio, and the limit: the step's
bare matrix products and convolutions, recorded from ganzoo's step and replayed alone. Memory is the peak of a
process for each side that does nothing else. Keep the machine quiet.
"""

import argparse
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import torch
from scripts import SCRIPTS
from torch.utils._python_dispatch import TorchDispatchMode

import memory
from ganzoo.api import make_settings, plan
from ganzoo.engine import directory
from ganzoo.engine.build import build
from ganzoo.engine.run import Run

DATA = {"gaussian": "gaussian", "fashion": "fashion-mnist"}
PRODUCTS = (
    "aten.mm",
    "aten.addmm",
    "aten.bmm",
    "aten.convolution",
    "aten.convolution_backward",
    "mkldnn._linear_pointwise",
)
BLOCK = 10


def prepare(system: str, options: argparse.Namespace, folder: Path) -> Run:
    """ganzoo's run of a system, without callbacks and with its data loaded."""
    recipe = plan(system, directory.Config({}, {}), {"dataset": DATA.get(system, "mnist")}, {})
    given = {name: getattr(options, name) for name in ("data", "precision", "replay")}
    settings = make_settings({}, given, None)
    run = build(recipe.with_part("callback", ()), settings, folder)
    run.feed  # noqa: B018 - loads the data
    return run


def timed(step: Callable[[], None]) -> float:
    """Milliseconds of one call."""
    start = time.perf_counter()
    step()
    return 1e3 * (time.perf_counter() - start)


def compare(script: Iterator[None], run: Run, steps: int) -> tuple[list[float], list[float]]:
    """Milliseconds of each step of both sides, in alternating blocks; the first block of each warms up."""
    theirs, ours = [], []
    for block in range(-1, max(steps // BLOCK, 1)):
        for times, step in ((theirs, lambda: next(script)), (ours, run.play)):
            taken = [timed(step) for _ in range(BLOCK)]
            times.extend(taken if block >= 0 else [])
    return theirs, ours


class Products(TorchDispatchMode):
    """Notes every matrix product and convolution, to be replayed alone."""

    def __init__(self) -> None:
        super().__init__()
        self.calls: list[tuple[Any, tuple[Any, ...], dict[str, Any]]] = []

    def __torch_dispatch__(
        self, function: Any, types: Any, args: tuple[Any, ...] = (), kwargs: Any = None
    ) -> Any:
        if str(function).rpartition(".")[0] in PRODUCTS:
            self.calls.append((function, args, dict(kwargs or {})))
        return function(*args, **(kwargs or {}))

    @torch.no_grad()
    def replay(self) -> None:
        """Do the products again and nothing else."""
        for function, args, kwargs in self.calls:
            function(*args, **kwargs)


def limit(run: Run) -> float:
    """Milliseconds of the bare matrix products and convolutions of one step."""
    with Products() as products:
        run.play()
    return statistics.median(timed(products.replay) for _ in range(20))


def alone(system: str, side: str, options: argparse.Namespace) -> None:
    """Train one side and print the peak memory of this process in MB."""
    with tempfile.TemporaryDirectory() as folder:
        run = prepare(system, options, Path(folder))
        script = SCRIPTS[system](run)
        for _ in range(BLOCK):
            next(script) if side == "script" else run.play()
    print(memory.peak_mb())


def peak_mb(system: str, side: str, options: argparse.Namespace) -> float:
    """The peak memory of a process that trains one side."""
    command = [sys.executable, __file__, system, "--alone", side]
    command += ["--precision", options.precision, "--replay", options.replay]
    command += ["--data", str(options.data)] if options.data else []
    return float(subprocess.run(command, capture_output=True, text=True, check=True).stdout)


def main() -> None:
    """Print the table, or what one side takes."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "systems", nargs="*", default=list(SCRIPTS), metavar="SYSTEM", help=", ".join(SCRIPTS)
    )
    parser.add_argument("--data", type=Path)
    parser.add_argument("--steps", type=int, default=60)
    parser.add_argument("--precision", default="float32", choices=["float32", "bfloat16"])
    parser.add_argument("--replay", default="auto", choices=["auto", "off"])
    parser.add_argument("--alone", choices=["script", "ganzoo"], help="one side, for its memory")
    options = parser.parse_args()
    if options.alone:
        alone(options.systems[0], options.alone, options)
    else:
        compare_all(options)


def compare_all(options: argparse.Namespace) -> None:
    """Print a line for each system."""
    print(
        f"torch {torch.__version__}, {torch.get_num_threads()} threads, {options.precision}; "
        f"medians of {options.steps} steps"
    )
    print(
        f"{'system':12}{'script ms':>11}{'ganzoo ms':>11}{'ratio':>8}{'images/s':>10}"
        f"{'limit ms':>10}{'of it':>7}{'script MB':>11}{'ganzoo MB':>11}"
    )
    for system in options.systems:
        with tempfile.TemporaryDirectory() as folder:
            run = prepare(system, options, Path(folder))
            theirs, ours = (statistics.median(t) for t in compare(SCRIPTS[system](run), run, options.steps))
            bare = limit(run)
        speed = 1e3 * run.recipe.batch / ours
        print(
            f"{system:12}{theirs:11.2f}{ours:11.2f}{theirs / ours:7.2f}x{speed:10,.0f}"
            f"{bare:10.2f}{bare / ours:7.0%}"
            f"{peak_mb(system, 'script', options):11,.0f}{peak_mb(system, 'ganzoo', options):11,.0f}",
            flush=True,
        )


if __name__ == "__main__":
    main()
