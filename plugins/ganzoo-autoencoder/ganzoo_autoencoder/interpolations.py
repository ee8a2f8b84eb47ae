"""Straight lines between the latents of two samples, decoded."""

from typing import TYPE_CHECKING

import torch

from ganzoo import pictures, storage
from ganzoo.hooks import hookimpl
from ganzoo.options import PositiveInt

if TYPE_CHECKING:
    from ganzoo.engine.run import Run


class Interpolations:
    """Decoded straight lines between the latents of two pictures, in plots/interpolations.png, at the end.

    lines: rows; between: pictures between the two ends, all of them decoded. For any game with a player
    `encoder` that gives latents; nothing is drawn of vectors.
    """

    def __init__(self, *, lines: PositiveInt = 8, between: PositiveInt = 8) -> None:
        self.lines, self.between = lines, between

    @hookimpl(trylast=True)
    def run_end(self, run: "Run", error: BaseException | None) -> None:
        """Draw a row for each pair."""
        if error is not None or not run.spec.is_image:
            return
        real, labels = run.real(2 * self.lines, "test")
        codes = run.infer("encoder", real)
        if codes is None or len(codes) < 2:
            return
        half, columns = len(codes) // 2, self.between + 2
        share = torch.linspace(0, 1, columns)[None, :, None]
        line = codes[:half, None] * (1 - share) + codes[half : 2 * half, None] * share
        wanted = None
        if run.is_conditional and labels is not None:
            wanted = labels[:half].repeat_interleave(columns)
        made = run.generate(half * columns, wanted, start=line.flatten(0, 1))
        folder = run.directory / "plots"
        folder.mkdir(exist_ok=True)
        grid = pictures.grid(made, run.spec.value_range, columns)
        storage.write(folder / "interpolations.png", pictures.png(grid))
