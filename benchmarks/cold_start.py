"""How long a start takes: `GANZOO_DATA=... python benchmarks/cold_start.py [REPETITIONS]`.

The light commands: wall time of whole processes, medians, with the packages that are installed and with 100
more of 10,000 entry points together. Then the way to the first step of `ganzoo run vanilla mnist`: wall and
processor time from the start of the process. Needs a quiet machine.
"""

import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

START = [sys.executable, "-c", "import sys; from ganzoo.cli import main; sys.exit(main())"]
COMMANDS = {
    "python alone": [sys.executable, "-c", "pass"],
    "ganzoo --version": [*START, "--version"],
    "ganzoo --help": [*START, "--help"],
    "ganzoo list": [*START, "list"],
    "ganzoo list --json": [*START, "list", "--json"],
    "ganzoo plugins": [*START, "plugins"],
    "completion": [*START],
}
# Leaves after the first step, when all that a start needs is there: data, networks, directory, checkpoint.
FIRST_STEP = """
import os
from ganzoo import api
from ganzoo.hooks import hookimpl
class Leave:
    @hookimpl
    def step_end(self):
        os._exit(0)
api.run("vanilla", "mnist", steps=2, device="cpu", listeners=[Leave()])
"""
STARTS = {
    "python alone": [sys.executable, "-c", "pass"],
    "import ganzoo": [sys.executable, "-c", "import ganzoo"],
    "import torch": [sys.executable, "-c", "import torch"],
    "the first step": [sys.executable, "-c", FIRST_STEP],
}
COMPLETION = {"COMP_WORDS": "ganzoo show va", "COMP_CWORD": "2", "_GANZOO_COMPLETE": "bash_complete"}
PACKAGES, FUNCTIONS = 100, 100

FUNCTION = '''def loss_{i}(real, fake, *, scale: float = 1.0, power: int = 2):
    """Loss number {i} (Somebody et al., 2020, arXiv:2001.00000)."""
    difference = real - fake
    return scale * (difference**power).mean()


'''


def make_packages(folder: Path) -> None:
    """Write packages as if installed, each of one module that must not be imported."""
    for p in range(PACKAGES):
        info = folder / f"many_{p}-1.0.dist-info"
        info.mkdir()
        (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: many-{p}\nVersion: 1.0\n")
        lines = [f"loss-{p}-{i} = many_{p}:loss_{i}" for i in range(FUNCTIONS)]
        (info / "entry_points.txt").write_text("\n".join(["[ganzoo.losses]", *lines, ""]))
        body = "".join(FUNCTION.format(i=i) for i in range(FUNCTIONS))
        (folder / f"many_{p}.py").write_text(f'"""Many losses."""\n\n{body}raise SystemExit("imported")\n')


def median_s(command: list[str], environment: dict[str, str], repetitions: int) -> tuple[float, float]:
    """The median wall and processor time of a process, after one run that fills the caches."""
    walls, processors = [], []
    for _ in range(repetitions + 1):
        start, before = time.perf_counter(), processor_s()
        with tempfile.TemporaryDirectory() as home:
            subprocess.run(command, env=environment, cwd=home, stdout=subprocess.DEVNULL, check=True)
        walls.append(time.perf_counter() - start)
        processors.append(processor_s() - before)
    return statistics.median(walls[1:]), statistics.median(processors[1:])


def processor_s() -> float:
    """The processor time of all child processes that have ended."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def main() -> None:
    """Measure and print a table."""
    repetitions = int(sys.argv[1]) if len(sys.argv) > 1 else 11
    plain = dict(os.environ)
    with tempfile.TemporaryDirectory() as folder:
        make_packages(Path(folder))
        print(f"{'seconds':<20}{'installed':>12}{'+ 10,000 entry points':>24}")
        for name, command in COMMANDS.items():
            extra = COMPLETION if name == "completion" else {}
            installed, _ = median_s(command, {**plain, **extra}, repetitions)
            many, _ = median_s(command, {**plain, **extra, "PYTHONPATH": folder}, repetitions)
            print(f"{name:<20}{installed:>12.3f}{many:>24.3f}")
    print(f"\n{'seconds':<20}{'wall':>12}{'processor':>12}")
    for name, command in STARTS.items():
        wall, processor = median_s(command, plain, repetitions)
        print(f"{name:<20}{wall:>12.3f}{processor:>12.3f}")


if __name__ == "__main__":
    main()
