"""Warnings in plain words where training goes wrong and goes on."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import torch

from ganzoo import storage
from ganzoo.callbacks._common import fakes_like, keep, labels_for
from ganzoo.hooks import hookimpl
from ganzoo.options import PositiveInt

if TYPE_CHECKING:
    from torch import Tensor

    from ganzoo.engine.run import Run

FILE = "warnings.txt"
WATCHED = ("d_loss", "d_real", "d_fake", "d_accuracy", "real_score", "fake_score")
MEMORY_STEPS = 200  # over which numbers are averaged, so that a single batch decides nothing
COMPARED = 64
SAME, ALIKE = 0.05, 0.25  # of the distance between two real samples
ENORMOUS = 1e4
FAR = 10  # times the usual distance between a real sample and its nearest neighbour
MISSED = 1 / 3


class Health:
    """Says once what looks hopeless, and what to try; warnings.txt keeps it.

    That is a discriminator that is right about everything, a generator whose samples are all alike or, where
    samples lie in clusters, leave clusters out, or a loss that runs away. Pictures lie too far apart for the
    clusters that are left out to be noticed: their coverage is a matter for `ganzoo evaluate`.
    patience_steps: how long it must have looked like that. every_steps: how often generated samples are
    compared with real ones.
    """

    def __init__(self, *, patience_steps: PositiveInt = 3000, every_steps: PositiveInt = 500) -> None:
        self.patience_steps, self.every_steps = patience_steps, every_steps
        self.means: dict[str, float] = {}
        self.seen_at = 0
        self.since: dict[str, int] = {}
        self.warnings: dict[str, str] = {}
        self.real_spread: float | None = None

    @hookimpl
    def record(self, run: "Run", numbers: Mapping[str, float]) -> None:
        """Look at the players' numbers."""
        if "d_loss" not in numbers:
            return
        weight = min(1.0, (run.step - self.seen_at) / MEMORY_STEPS)
        watched = {name: numbers[name] for name in WATCHED if name in numbers}
        for name, value in {**watched, "size": abs(numbers["d_loss"])}.items():
            before = self.means.get(name, value)
            self.means[name] = before + weight * (value - before)
        self.seen_at = run.step
        self.watch(run, "perfect", is_perfect(self.means))
        self.watch(run, "runaway", self.means["size"] > ENORMOUS)

    @hookimpl
    def step_end(self, run: "Run") -> None:
        """Compare generated samples with real ones now and then."""
        if run.step % self.every_steps == 0:
            real, labels = run.real(COMPARED)
            if self.real_spread is None:
                self.real_spread = spread(real, labels_for(run, labels))
            fakes = fakes_like(run, labels, len(real))
            made = spread(fakes, labels_for(run, labels))
            self.watch(run, "collapse", made < SAME * self.real_spread)
            # Less certain, and how many games begin: it takes longer.
            alike = "collapse" not in self.warnings and made < ALIKE * self.real_spread
            self.watch(run, "alike", alike, 3 * self.patience_steps)
            self.watch(run, "partial", missed(real, fakes) > MISSED, 3 * self.patience_steps)

    def watch(self, run: "Run", what: str, looks_bad: bool, patience_steps: int = 0) -> None:
        """Warn once of what has looked bad for long without a pause."""
        if not looks_bad:
            self.since.pop(what, None)
            return
        first = self.since.setdefault(what, run.step)
        patience_steps = patience_steps or self.patience_steps
        if run.step - first >= patience_steps and what not in self.warnings:
            seen = f"for {patience_steps:,} steps {TEXTS[what]}"
            tips = TIPS[what].format(d=slower(run, "d_optimizer"), g=slower(run, "g_optimizer"))
            self.warnings[what] = f"step {run.step:,}: {seen} Try {tips}."
            self.write(run)
            run.hooks.hook.warning(run=run, message=self.warnings[what])

    def write(self, run: "Run") -> None:
        """Keep the warnings in the run directory, as a function of the state: a resumed run agrees."""
        if self.warnings:
            keep(run, FILE, "".join(f"{text}\n" for text in self.warnings.values()).encode())
        else:
            storage.remove(run.directory / FILE)

    @hookimpl
    def checkpoint_save(self) -> dict[str, Any]:
        """What has been seen so far."""
        return {
            "means": dict(self.means),
            "seen_at": self.seen_at,
            "since": dict(self.since),
            "warnings": dict(self.warnings),
        }

    @hookimpl
    def checkpoint_load(self, run: "Run", state: dict[str, Any]) -> None:
        """Go on watching; what was said is not said again."""
        self.means, self.seen_at = dict(state["means"]), state["seen_at"]
        self.since, self.warnings = dict(state["since"]), dict(state["warnings"])
        self.write(run)


def is_perfect(means: Mapping[str, float]) -> bool:
    """Whether the discriminator tells real from generated samples without a doubt."""
    if "d_fake" in means:
        return means.get("d_accuracy", 1.0) > 0.99 and means["d_fake"] < 0.01
    # Losses of 0 or more, like hinge and least-squares, have nothing left to learn from.
    told_apart = means.get("real_score", 0.0) > means.get("fake_score", 0.0)
    return told_apart and 0 <= means["d_loss"] < 1e-3


def spread(samples: "Tensor", labels: "Tensor | None") -> float:
    """The mean distance between two samples (N, *shape), of one label where there are labels."""
    flat = samples.detach().flatten(1).float().cpu()
    pairs = torch.ones(len(flat), len(flat), dtype=torch.bool).triu(1)
    if labels is not None:
        same = pairs & (labels.cpu()[:, None] == labels.cpu()[None])
        pairs = same if same.any() else pairs
    return torch.cdist(flat, flat)[pairs].mean().item() if pairs.any() else 0.0


def missed(real: "Tensor", fakes: "Tensor") -> float:
    """The share of real samples (N, *shape) that are far from all fakes."""
    real, fakes = (samples.detach().flatten(1).float().cpu() for samples in (real, fakes))
    if len(real) < 2:
        return 0.0
    among_real = torch.cdist(real, real).fill_diagonal_(torch.inf).amin(1)
    return (torch.cdist(real, fakes).amin(1) > FAR * among_real.median()).float().mean().item()


def slower(run: "Run", role: str) -> str:
    """How to ask for a quarter of an optimizer's learning rate."""
    rate = getattr(run.recipe, role).options.get("lr")
    return f"--set {role}.lr={rate / 4:g}" if isinstance(rate, float) else f"a smaller {role}.lr"


TEXTS: Mapping[str, str] = {
    "perfect": "the discriminator has hardly ever been wrong, so the generator learns little from it.",
    "collapse": "the generator has made nearly the same sample from all noise: it has collapsed.",
    "alike": "the generator's samples have been much more alike than real ones: it may have collapsed.",
    "partial": "many real samples have had no generated one near them: the generator makes only some kinds.",
    "runaway": "the discriminator's loss has been enormous, so the generator learns nothing useful from it.",
}
TIPS: Mapping[str, str] = {
    "perfect": "{d}, --penalty r1, or another --loss",
    "collapse": "{g}, another --seed, --penalty r1, or a larger --batch",
    "alike": "{g}, another --seed, --penalty r1, or a larger --batch",
    "partial": "--set game.pack=2, --penalty r1, {g}, or a larger --batch",
    "runaway": "{d}, or hold the discriminator back with --penalty wgan-gp or --penalty r1",
}
