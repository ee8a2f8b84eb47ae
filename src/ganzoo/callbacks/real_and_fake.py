"""Real samples beside generated ones."""

from typing import TYPE_CHECKING

from ganzoo import figures, pictures
from ganzoo.callbacks._common import fakes_like, keep, title
from ganzoo.hooks import hookimpl
from ganzoo.options import PositiveInt

if TYPE_CHECKING:
    from ganzoo.engine.run import Run


class RealAndFake:
    """Real samples beside generated ones at the end of a run, in plots/real-and-fake.png.

    count: pictures on each side; a conditional generator is asked for the labels of the real ones.
    """

    def __init__(self, *, count: PositiveInt = 16) -> None:
        self.count = count

    @hookimpl(trylast=True)
    def run_end(self, run: "Run", error: BaseException | None) -> None:
        """Draw both sides."""
        if error is not None:
            return
        count = self.count if run.spec.is_image else figures.POINTS
        real, labels = run.real(count, "test")
        fake = fakes_like(run, labels, len(real))
        if run.spec.is_image:
            sides = (("real", figures.REAL, real), ("generated", figures.GENERATED, fake))
            grids = [(name, colour, pictures.grid(x, run.spec.value_range)) for name, colour, x in sides]
            content: bytes | None = pictures.png(pictures.side_by_side(grids))
        else:
            content = figures.vectors(f"{title(run)}: real and generated samples", real, fake)
        if content is not None:
            keep(run, "plots/real-and-fake.png", content)
