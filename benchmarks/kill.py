"""Kill -9 at random moments, again and again: nothing may be lost, and the end must be the same to the bit.

A small GAN trains in a child process that is killed and then resumed until it is done; its records, its
generator and its last checkpoint are compared with those of a run that nobody disturbed. Children are forked
from a process that has trained that run itself, on one thread: nothing is imported again, a round is short.

    python benchmarks/kill.py --rounds 200
"""

import argparse
import json
import os
import random
import shutil
import signal
import sys
import tempfile
import time
from dataclasses import asdict, dataclass
from pathlib import Path

import torch

import ganzoo
from ganzoo.engine.checkpoint import Checkpoints

STEPS = 150
CONFIG = """
[recipe]
callback = []
batch = 10
latent = 4
ema_half_life_images = 50.0
record_every_steps = 2
"""


@dataclass
class Count:
    """What happened. hit: kills in the middle of a save; lost: checkpoints that could not be read again."""

    rounds: int = 0
    kills: int = 0
    hit: int = 0
    finished: int = 0
    lost: int = 0
    different: int = 0
    failed: int = 0
    seconds: float = 0.0


def train(out: Path) -> None:
    """Begin the run or go on with it; one that was killed before its first checkpoint begins anew."""
    torch.set_num_threads(1)
    if Checkpoints(out / "checkpoints").steps():
        ganzoo.resume(out, checkpoint_every="3steps")
        return
    shutil.rmtree(out, ignore_errors=True)
    config = out.with_suffix(".toml")
    config.write_text(CONFIG)
    values = {"dataset.size": 55}
    ganzoo.run(
        "gaussian", "gaussian", config=config, out=out, steps=STEPS, set=values, checkpoint_every="3steps"
    )


def start(out: Path) -> int:
    """Train in a child process, and its number."""
    child = os.fork()
    if child:
        return child
    code = 1
    try:
        train(out)
        code = 0
    finally:
        os._exit(code)


def product(out: Path) -> dict[str, bytes]:
    """What must be the same at the end."""
    files = Checkpoints(out / "checkpoints")
    paths = (out / "metrics.jsonl", out / "generator.safetensors", files.data(STEPS))
    return {path.name: path.read_bytes() for path in paths}


def newest(out: Path) -> int:
    """The newest step that can be read, -1 for none; read from a copy, which may set damaged files aside."""
    files = Checkpoints(out / "checkpoints")
    if not files.steps():
        return -1
    with tempfile.TemporaryDirectory() as copy:
        shutil.copytree(files.folder, Path(copy) / "checkpoints")
        return int(Checkpoints(Path(copy) / "checkpoints").load()["step"])


def in_a_save(out: Path) -> bool:
    """Whether the process died while it saved: it has left something that a save cleans up."""
    files = Checkpoints(out / "checkpoints")
    names = {path.name for path in files.folder.glob("*")} if files.folder.is_dir() else set()
    whole = {path.name for step in files.steps() for path in (files.data(step), files.manifest(step))}
    return bool(list(out.rglob(".*.tmp"))) or names != whole or len(files.steps()) > 2


def kill_once(out: Path, delay: float, count: Count) -> bool:
    """One round; whether the run is done."""
    before, child = newest(out), start(out)
    time.sleep(delay)
    done, status = os.waitpid(child, os.WNOHANG)
    if done:
        count.failed += status != 0
        return status == 0
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)
    count.kills += 1
    count.hit += in_a_save(out)
    count.lost += newest(out) < before
    return False


def main() -> int:
    """Count until the rounds or the seconds are over; 1 if anything was lost or different."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--rounds", type=int, default=200)
    parser.add_argument("--seconds", type=float, help="instead of rounds, but until a kill has hit a save")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--json", action="store_true")
    given = parser.parse_args()
    dice, count, began = random.Random(given.seed), Count(), time.monotonic()
    with tempfile.TemporaryDirectory() as home:
        whole = Path(home) / "whole"
        train(whole)
        expected = product(whole)
        out = Path(home) / "run-0"
        while not is_over(given, count, began):
            count.rounds += 1
            if kill_once(out, dice.uniform(0, 0.8), count):
                count.finished += 1
                count.different += product(out) != expected
                out = Path(home) / f"run-{count.rounds}"
    count.seconds = round(time.monotonic() - began, 1)
    table = asdict(count)
    print(json.dumps(table) if given.json else "\n".join(f"{name:10}{n}" for name, n in table.items()))
    return int(count.lost + count.different + count.failed > 0 or not count.finished)


def is_over(given: argparse.Namespace, count: Count, began: float) -> bool:
    """Whether enough was killed."""
    if given.seconds is None:
        return count.rounds >= given.rounds
    return time.monotonic() - began > given.seconds and count.hit > 0 and count.finished > 0


if __name__ == "__main__":
    sys.exit(main())
