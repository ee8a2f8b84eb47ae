"""The event files, read with TensorBoard's own reader."""

import json
import shutil
from pathlib import Path

import pytest
from tensorboard.backend.event_processing.event_accumulator import IMAGES, SCALARS, EventAccumulator

import ganzoo
from ganzoo.testing import contract, contract_of

SHORT = {"callback": "tensorboard", "sample_every": "4steps", "threads": 1}
FAST = {"dataset.size": 64, "record_every_steps": 1}


def events(directory: Path) -> EventAccumulator:
    """What TensorBoard shows of a run."""
    reader = EventAccumulator(str(directory / "tensorboard"), {SCALARS: 0, IMAGES: 0})
    return reader.Reload()


def train(directory: Path, **given: object) -> None:
    """A short run of the smallest GAN."""
    ganzoo.run("gaussian", "gaussian", out=directory, batch=32, set=FAST, **{**SHORT, **given})


def test_numbers_are_those_of_metrics_jsonl(tmp_path: Path) -> None:
    train(tmp_path / "run", steps=6)
    lines = [json.loads(line) for line in (tmp_path / "run" / "metrics.jsonl").read_text().splitlines()]
    expected = [(line["images"], line["d_loss"]) for line in lines if "d_loss" in line]
    shown = events(tmp_path / "run").Scalars("d_loss")
    assert [event.step for event in shown] == [images for images, _ in expected]
    assert [event.value for event in shown] == pytest.approx([value for _, value in expected])


def test_pictures_of_samples_are_shown(tmp_path: Path) -> None:
    train(tmp_path / "run", steps=6)
    assert [event.step for event in events(tmp_path / "run").Images("samples")] == [4 * 32, 6 * 32]


def test_a_run_that_goes_on_withdraws_what_came_after_its_checkpoint(tmp_path: Path) -> None:
    train(tmp_path / "run", steps=4)
    checkpoint = sorted((tmp_path / "run" / "checkpoints").glob("step-*4*"))
    kept = {file: file.read_bytes() for file in checkpoint}
    ganzoo.resume(tmp_path / "run", steps=8, threads=1)
    # As after a crash: the event files reach to step 8, the newest checkpoint is of step 4.
    shutil.rmtree(tmp_path / "run" / "checkpoints")
    (tmp_path / "run" / "checkpoints").mkdir()
    for file, content in kept.items():
        file.write_bytes(content)
    ganzoo.resume(tmp_path / "run", steps=6, threads=1)
    steps = [event.step for event in events(tmp_path / "run").Scalars("d_loss")]
    assert steps == [32 * step for step in (1, 2, 3, 4, 5, 6)]


@pytest.mark.parametrize(*contract_of("ganzoo-tensorboard"))
def test_contract(kind: str, name: str, check: str) -> None:
    contract(kind, name, check)
