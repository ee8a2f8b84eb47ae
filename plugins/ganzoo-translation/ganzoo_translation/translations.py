"""What a generator makes of pictures, beside them."""

from typing import TYPE_CHECKING

from ganzoo import pictures, storage
from ganzoo.engine.latent import Pictures
from ganzoo.hooks import hookimpl
from ganzoo.options import PositiveInt

if TYPE_CHECKING:
    from ganzoo.engine.run import Run


class Translations:
    """Source, translation, and target or the way back, in plots/translations.png, at the end of a run.

    Of the test split if there is one. Games with a player `backward` show what it makes of the translations,
    others the targets; the mean absolute difference joins metrics.jsonl as cycle_l1 or target_l1. Nothing is
    drawn where the generator starts from noise.
    """

    def __init__(self, *, count: PositiveInt = 24) -> None:
        self.count = count

    @hookimpl(trylast=True)
    def run_end(self, run: "Run", error: BaseException | None) -> None:
        """Draw all sides."""
        start = run.game.latent
        if error is not None or not isinstance(start, Pictures):
            return
        source, target = (side.float().cpu() for side in start.split(run.seen(self.count, "test")[0]))
        made = run.generate(len(source), start=source)
        back = run.infer("backward", made)
        if back is None:
            name, other, measure = "target", target, {"target_l1": (made - target).abs().mean().item()}
        else:
            name, other, measure = "and back", back, {"cycle_l1": (back - source).abs().mean().item()}
        run.record(measure)
        sides = [("source", source), ("made of it", made), (name, other)]
        grids = [(title, "#222222", pictures.grid(x, run.spec.value_range)) for title, x in sides]
        folder = run.directory / "plots"
        folder.mkdir(exist_ok=True)
        storage.write(folder / "translations.png", pictures.png(pictures.side_by_side(grids)))
