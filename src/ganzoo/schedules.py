"""Learning-rate schedules: `(**options) -> factor(images, total)`.

The factor multiplies the learning rate; `images` are the real images seen before the step, `total` those of
the whole run. Counting in images keeps a schedule the same whatever the batch size.
"""

from collections.abc import Callable

from ganzoo.options import NonNegativeFloat, Probability

Schedule = Callable[[int, int], float]


def constant() -> Schedule:
    """The learning rate stays as it is."""
    return lambda images, total: 1.0


def inverse_time(*, decay_per_image: NonNegativeFloat = 0.0) -> Schedule:
    """lr / (1 + decay * images): Keras's time decay, per real image seen."""
    return lambda images, total: 1.0 / (1.0 + decay_per_image * images)


def linear(*, hold: Probability = 0.5) -> Schedule:
    """Constant for the share `hold` of a run, then straight to zero (Zhu et al., 2017, arXiv:1703.10593)."""
    return lambda images, total: min(1.0, (1.0 - images / total) / max(1.0 - hold, 1e-12))
