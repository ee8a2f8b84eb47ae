"""How real both sides look to the discriminator."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from ganzoo import figures
from ganzoo.callbacks._common import column, ended_in_order, fakes_like, keep, title
from ganzoo.hooks import hookimpl
from ganzoo.options import NonNegativeFloat, PositiveInt

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from ganzoo.engine.run import Run

MOST_VALUES = 2**26


class Probabilities:
    """p_real and p_fake, the mean D of test samples and as many fakes, traced in plots/probabilities.png.

    For losses whose scores are no log-odds: score_real and score_fake, the mean scores. Data without a test
    split give training samples. every_epochs: how often, 0 for only at the end. samples: on each side, at
    most; of large samples fewer are taken, so that a side needs no more than 256 MB.
    """

    def __init__(self, *, every_epochs: NonNegativeFloat = 1.0, samples: PositiveInt = 10_000) -> None:
        self.every_epochs, self.samples = every_epochs, samples

    @hookimpl
    def step_end(self, run: "Run") -> None:
        """Measure when it is time."""
        if run.is_due(epochs=self.every_epochs):
            self.measure(run)

    @hookimpl
    def run_end(self, run: "Run", error: BaseException | None) -> None:
        """Measure a last time, unless the last step did, and draw."""
        if error is None and not run.is_due(epochs=self.every_epochs):
            self.measure(run)
        if ended_in_order(error):
            self.draw(run)

    def measure(self, run: "Run") -> None:
        """Record the discriminator's mean answer to both sides, in inference mode."""
        real, labels = run.seen(self.count(run), "test")
        made = fakes_like(run, labels, len(real))
        sides = {"real": real, "fake": run.game.latent.whole(made, real)}
        scores = {name: run.score(side, labels).double() for name, side in sides.items()}
        if run.game.probability:
            run.record({f"p_{name}": score.sigmoid().mean().item() for name, score in scores.items()})
        else:
            run.record({f"score_{name}": score.mean().item() for name, score in scores.items()})

    def count(self, run: "Run") -> int:
        """Samples on each side, at most."""
        return min(self.samples, max(MOST_VALUES // run.spec.features, 1))

    def draw(self, run: "Run") -> None:
        """Draw both traces over the epochs, from the records."""
        prefix = "p" if run.game.probability else "score"
        records = [record for record in run.metrics.read() if f"{prefix}_real" in record]
        if not records:
            return
        test = run.samples("test")
        split = test or run.samples("train") or ()
        answer = "mean D" if prefix == "p" else "mean score, no probability,"
        label = f"{answer} of {min(self.count(run), len(split)):,} {'test' if test else 'training'} samples"

        def paint(axes: Sequence["Axes"]) -> None:
            epochs, marker = column(records, "epoch"), "o" if len(records) < 30 else ""
            for name, colour, side in (
                ("real", figures.REAL, "real"),
                ("fake", figures.GENERATED, "generated"),
            ):
                values = column(records, f"{prefix}_{name}")
                axes[0].plot(epochs, values, marker=marker, ms=4, lw=1.8, color=colour, label=side)
            if prefix == "p":
                axes[0].axhline(0.5, color="#999999", lw=1, ls=(0, (4, 3)), zorder=1)
                axes[0].set_ylim(-0.02, 1.02)
            figures.count_epochs(axes[0])
            figures.head(axes[0], label)

        text = f"{title(run)}: how real each side looks to the discriminator"
        keep(run, "plots/probabilities.png", figures.draw(text, paint))
