"""Samples beside what an encoder and the generator make of them again."""

from typing import TYPE_CHECKING

from ganzoo import pictures, storage
from ganzoo.hooks import hookimpl
from ganzoo.options import PositiveInt

if TYPE_CHECKING:
    from ganzoo.engine.run import Run


class Reconstructions:
    """Real pictures beside what they become encoded and decoded, in plots/reconstructions.png, at the end.

    Of the test split if there is one; for any game with a player `encoder` that gives latents. Their mean
    absolute difference, in the range that networks see, joins metrics.jsonl as reconstruction_l1. Nothing is
    drawn of vectors.
    """

    def __init__(self, *, count: PositiveInt = 36) -> None:
        self.count = count

    @hookimpl(trylast=True)
    def run_end(self, run: "Run", error: BaseException | None) -> None:
        """Draw both sides."""
        if error is not None or not run.spec.is_image:
            return
        real, labels = run.real(self.count, "test")
        codes = run.infer("encoder", real)
        if codes is None:
            return
        again = run.generate(len(codes), labels if run.is_conditional else None, start=codes)
        run.record({"reconstruction_l1": (again - real.float().cpu()).abs().mean().item()})
        sides = [("real", real), ("reconstructed", again)]
        grids = [(title, "#222222", pictures.grid(x, run.spec.value_range)) for title, x in sides]
        folder = run.directory / "plots"
        folder.mkdir(exist_ok=True)
        storage.write(folder / "reconstructions.png", pictures.png(pictures.side_by_side(grids)))
