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
        """Begin an event file."""
        if self.writer is None:
            self.begin(run)

    def begin(self, run: "Run", purge_step: int | None = None) -> None:
        """Begin an event file; TensorBoard drops the events of older ones from `purge_step` on."""
        self.close()
        self.writer = SummaryWriter(str(run.directory / "tensorboard"), purge_step=purge_step)

    def close(self) -> None:
        """Close the event file, if there is one."""
        if self.writer is not None:
            self.writer.close()

    @hookimpl
    def record(self, run: "Run", numbers: dict[str, float]) -> None:
        """Write the numbers of one line of metrics.jsonl."""
        if self.writer is not None:
            for name in [name for name in numbers if name not in POSITION]:
                self.writer.add_scalar(name, numbers[name], run.images)

    @hookimpl
    def samples(self, run: "Run", path: Path) -> None:
        """Write the picture that was drawn."""
        if self.writer is not None:
            with Image.open(path) as picture:
                pixels = np.asarray(picture.convert("RGB"))
            self.writer.add_image("samples", pixels, run.images, dataformats="HWC")

    @hookimpl
    def checkpoint_save(self, run: "Run") -> dict[str, int]:
        """Put on the disk what was written so far, and remember how far that is."""
        if self.writer is not None:
            self.writer.flush()
        return {"images": run.images}

    @hookimpl
    def checkpoint_load(self, run: "Run", state: dict[str, int]) -> None:
        """Withdraw what was written beyond the checkpoint."""
        self.begin(run, state["images"] + 1)

    @hookimpl(wrapper=True)
    def run_end(self) -> Generator[None, object, object]:
        """Close the event file, after whatever the other callbacks record and draw at the end."""
        try:
            return (yield)
        finally:
            self.close()
