"""Recorded numbers and pictures of samples as TensorBoard shows them."""

from collections.abc import Generator
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from PIL import Image
from torch.utils.tensorboard import SummaryWriter

from ganzoo.hooks import hookimpl

if TYPE_CHECKING:
    from ganzoo.engine.run import Run

POSITION = ("step", "images", "epoch")


class TensorBoard:
    """Every number of metrics.jsonl and every picture of samples, by images seen, in the run's tensorboard/.

    A run that goes on from a checkpoint withdraws what had been written beyond it.
    """

    def __init__(self) -> None:
        self.writer: SummaryWriter | None = None

    @hookimpl(tryfirst=True)
    def run_start(self, run: "Run") -> None:
        """Begin an event file; TensorBoard drops earlier events from `purge_step` on."""
        beyond = run.images + 1 if run.step else None
        self.writer = SummaryWriter(str(run.directory / "tensorboard"), purge_step=beyond)

    @hookimpl
    def record(self, run: "Run", numbers: dict[str, float]) -> None:
        """Write the numbers of one line of metrics.jsonl."""
        if self.writer is not None:
            for name in numbers.keys() - set(POSITION):
                self.writer.add_scalar(name, numbers[name], run.images)

    @hookimpl
    def samples(self, run: "Run", path: Path) -> None:
        """Write the picture that was drawn."""
        if self.writer is not None:
            with Image.open(path) as picture:
                pixels = np.asarray(picture.convert("RGB"))
            self.writer.add_image("samples", pixels, run.images, dataformats="HWC")

    @hookimpl
    def checkpoint_save(self) -> None:
        """Put on the disk what belongs to the steps before the checkpoint."""
        if self.writer is not None:
            self.writer.flush()

    @hookimpl(wrapper=True)
    def run_end(self) -> Generator[None, object, object]:
        """Close the event file, after whatever the other callbacks record and draw at the end."""
        try:
            return (yield)
        finally:
            if self.writer is not None:
                self.writer.close()
