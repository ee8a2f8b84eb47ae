"""What must hold when something goes wrong, as functions that raise AssertionError where it does not.

The tests call them on ganzoo as it is, and `test_mutation` on ganzoo with one safeguard taken away.
"""

import os
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import torch

from faults import small
from faults.disk import Crash, CrashingDisk, Disk, Recorder, State, lay_out
from ganzoo import storage
from ganzoo.engine import checkpoint, generator_file
from ganzoo.engine.checkpoint import Checkpoints
from ganzoo.engine.run import Run
from ganzoo.errors import CheckpointError
from ganzoo.hooks import hookimpl


def tree(step: int) -> dict[str, Any]:
    """A state that differs from step to step."""
    return {"step": step, "weights": {"a": torch.full((2, 3), float(step)), "b": torch.arange(step + 1)}}


def same(one: Any, other: Any) -> bool:
    """Whether two trees are the same to the bit."""
    if isinstance(one, dict):
        return one.keys() == other.keys() and all(same(one[key], other[key]) for key in one)
    if isinstance(one, list):
        return len(one) == len(other) and all(map(same, one, other))
    if isinstance(one, torch.Tensor):
        return torch.equal(one, other) and one.dtype == other.dtype
    return bool(one == other)


def save_survives_a_crash(folder: Path, monkeypatch: pytest.MonkeyPatch) -> int:
    """A crash before or within any call of four saves leaves the newest or the one before.

    Gives the number of crash points.
    """
    counting = Disk()
    _save_some(folder / "whole", counting, monkeypatch)
    points = [(at, half) for at in range(1, counting.calls + 1) for half in (False, True)]
    points = [(at, half) for at, half in points if not half or counting.names[at - 1] == "write"]
    for at, half in points:
        home = folder / f"{at}-{half}"
        done = _save_some(home, CrashingDisk(at, half), monkeypatch)
        _loads_old_or_new(home, done, f"crash at call {at} ({counting.names[at - 1]})")
        _goes_on(home)
        shutil.rmtree(home)
    return len(points)


def _save_some(folder: Path, disk: Disk, monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Save steps 1 to 4, and the steps for which `save` has returned."""
    folder.mkdir()
    done: list[int] = []
    with monkeypatch.context() as patch:
        patch.setattr(storage, "os", disk)
        try:
            for step in range(1, 5):
                Checkpoints(folder).save(step, tree(step))
                done.append(step)
        except Crash:
            pass
    return done


def _loads_old_or_new(folder: Path, done: list[int], where: str) -> None:
    """What was saved last is there, or what was about to be."""
    newest = max(done, default=0)
    try:
        found = Checkpoints(folder).load()
    except CheckpointError:
        assert not done, f"{where}: step {newest} was saved, and nothing can be read"
        return
    assert found["step"] in (newest, newest + 1), (
        f"{where}: step {newest} was saved, step {found['step']} is read"
    )
    assert same(found, tree(found["step"])), f"{where}: step {found['step']} is not what was saved"


def _goes_on(folder: Path) -> None:
    """A later save works, and cleans up."""
    Checkpoints(folder).save(9, tree(9))
    left = small.names(list(folder.iterdir()))
    kept = [name for name in left if not name.endswith(".damaged")]
    assert len(kept) <= 2 * checkpoint.KEPT, left
    assert not any(name.endswith(".tmp") for name in kept), left


def run_survives_power_loss(folder: Path, monkeypatch: pytest.MonkeyPatch) -> int:
    """Whatever a power loss leaves of a run, its newest save or a newer one is read, and its records.

    Gives the number of different states.
    """
    out, seen, saved, wrong = folder / "run", set[int](), [-1], list[AssertionError]()
    save = Checkpoints.save

    def saving(self: Checkpoints, step: int, content: Any) -> None:
        save(self, step, content)
        saved[0] = step

    def watch(states: Iterator[State]) -> None:
        for state in states if not wrong else ():
            left = {path: content for path, content in state.items() if not path.endswith(".tmp")}
            key = hash((saved[0], *left.items()))
            if key not in seen and not wrong:
                seen.add(key)
                try:
                    with monkeypatch.context() as patch:
                        patch.setattr(storage, "os", os)
                        _survives(left, folder / "after", saved[0])
                except AssertionError as error:  # the run is not to see it
                    wrong.append(error)

    with monkeypatch.context() as patch:
        patch.setattr(Checkpoints, "save", saving)
        patch.setattr(storage, "os", Recorder(folder, watch))
        small.train(out, steps=6, checkpoint_every="2steps", set={"dataset.size": 20})
    for error in wrong:
        raise error
    return len(seen)


def _survives(state: State, root: Path, saved: int) -> None:
    if saved < 0:
        return
    lay_out(state, root)
    try:
        found = Checkpoints(root / "run" / "checkpoints").load()
        assert found["step"] >= saved, f"step {saved} was saved, step {found['step']} is read"
        path = root / "run" / "metrics.jsonl"
        records = path.read_bytes() if path.exists() else b""
        assert len(records) >= found["metrics_bytes"], f"step {found['step']} has lost records"
        lines = records[: found["metrics_bytes"]].splitlines()
        assert all(line.startswith(b'{"step"') and line.endswith(b"}") for line in lines), "damaged records"
        assert len(lines) == found["step"], f"{len(lines)} records at step {found['step']}"
        generator_file.read((root / "run" / "generator.safetensors").read_bytes(), "the generator")
    except (CheckpointError, OSError) as error:
        raise AssertionError(f"step {saved} was saved, and cannot be read: {error}") from error
    finally:
        shutil.rmtree(root)


class Stop:
    """Asks the run to stop after a step, as Ctrl-C does."""

    def __init__(self, step: int) -> None:
        self.step = step

    @hookimpl
    def step_end(self, run: Run) -> None:
        if run.step == self.step:
            raise KeyboardInterrupt


def resume_is_exact(folder: Path, recipe: str = "gaussian", steps: int = 7, **given: Any) -> None:
    """N steps, stop, resume and the rest equal all steps at once, for N around the border of an epoch."""
    whole = small.train(folder / "whole", steps, recipe, **given)
    border = whole.steps_per_epoch
    for stop in (1, border - 1, border, border + 1):
        if 0 < stop < steps:
            out = folder / f"stopped-{stop}"
            with pytest.raises(KeyboardInterrupt):
                small.train(out, steps, recipe, checkpoint_every="1steps", listeners=[Stop(stop)], **given)
            small.resume(out, {"dataset": given.get("dataset", small.DATASET)})
            agree(folder / "whole", out, f"stopped at step {stop} of {steps}")


def agree(one: Path, other: Path, what: str) -> None:
    """Two runs have left the same product."""
    ours, theirs = small.product(one), small.product(other)
    assert ours.keys() == theirs.keys(), f"{what}: {ours.keys()} and {theirs.keys()}"
    for name in ours:
        assert ours[name] == theirs[name], f"{what}: {name} differs"


def changes(content: bytes) -> Iterator[bytes]:
    """The content with every bit flipped, every byte zero, full or blank, and cut to every length."""
    for place, byte in enumerate(content):
        others = {byte ^ 1 << bit for bit in range(8)} | {0, 255, 9, 10, 13, 32, 48}
        for other in others - {byte}:
            yield content[:place] + bytes([other]) + content[place + 1 :]
    for size in range(len(content)):
        yield content[:size]
    yield content + b"\0"
    yield bytes(len(content))


def every_change_is_noticed(content: bytes, read: Callable[[bytes], Any]) -> int:
    """No change of a content is read, and none does worse than CheckpointError. Gives their number."""
    count = 0
    for changed in changes(content):
        count += 1
        try:
            read(changed)
        except CheckpointError:
            continue
        place = next(
            (i for i, (a, b) in enumerate(zip(content, changed, strict=False)) if a != b), len(changed)
        )
        raise AssertionError(f"a change at byte {place} of {len(content)} was not noticed")
    return count
