"""A run: a recipe being trained in a directory. This is what callbacks see."""

import logging
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property, partial
from pathlib import Path
from typing import Any

import pluggy
import torch
from torch import Tensor, nn

from ganzoo import storage
from ganzoo.datasets.base import Dataset, Samples, Split, spread
from ganzoo.engine import checkpoint, divergence, generator_file, promises, sampling, state
from ganzoo.engine.calls import inference, takes
from ganzoo.engine.checkpoint import Checkpoints
from ganzoo.engine.ema import Average
from ganzoo.engine.feed import Feed, epoch_borders, smallest_batch
from ganzoo.engine.game import Batch, Game, play_step
from ganzoo.engine.parts import Parts
from ganzoo.engine.record import Metrics, Window
from ganzoo.engine.replay import replaying
from ganzoo.engine.seeds import derive
from ganzoo.errors import CheckpointError, DataError
from ganzoo.recipe import Recipe
from ganzoo.settings import Settings
from ganzoo.spec import DataSpec

_log = logging.getLogger("ganzoo")
SCORED_AT_ONCE = 1000
ENDLESS = 10**18  # steps
Labels = Sequence[int] | Tensor | None


@dataclass
class Run:
    """A training in progress: its parts, its position and its directory."""

    recipe: Recipe
    settings: Settings
    parts: Parts
    game: Game
    dataset: Dataset
    directory: Path
    hooks: pluggy.PluginManager
    callbacks: Mapping[str, object]
    step: int = 0
    rollbacks: int = 0  # times that training went on from an older step because numbers were not finite
    seconds: float = 0.0  # spent training since the process started
    is_whole: bool = True  # False within a step, when some players have moved and others have not

    def __post_init__(self) -> None:
        half_life = self.recipe.ema_half_life_images
        self.average = Average(self.game.generator, half_life) if half_life else None
        self.batch: Batch | None = None
        self.group = self.parts.group
        self.window = Window(self.group)
        self.metrics = Metrics(self.directory / "metrics.jsonl")
        self.checkpoints = Checkpoints(self.directory / "checkpoints")
        self.device = self.parts.device
        self.borders = epoch_borders(self.recipe, self.dataset.spec.size)
        self.replay = replaying(self.game, self.parts, self.settings.replay)
        self._play_step = self.replay.play_step if self.replay else partial(play_step, self.game)
        self._splits: dict[Split, Samples | None] = {}

    @property
    def spec(self) -> DataSpec:
        """The data as networks see them."""
        return self.parts.spec

    @cached_property
    def feed(self) -> Feed:
        """The real batches; the data are loaded at the first use."""
        samples = self.samples("train")
        if samples is None:
            raise DataError("the data set has no training samples. Choose another.")
        like = torch.empty(0, device=self.device, dtype=self.parts.dtype)
        feed = Feed(samples, self.dataset.spec, self.spec, self.recipe, self.settings.seed, like)
        # Fewer samples than promised where some were skipped; the parts were checked for those promised.
        self.group.require(feed.smallest_batch)
        if feed.smallest_batch == 1 < smallest_batch(self.recipe, self.dataset.spec.size):
            left = f"{len(samples)} samples are left, and the last batch of an epoch has one sample"
            raise DataError(f"{left}. Set last_batch=drop or another batch.")
        self.borders = feed.borders
        return feed

    @property
    def name(self) -> str:
        """The directory's name, which says what is trained on what."""
        return self.directory.name

    @cached_property
    def total_steps(self) -> int:
        """The step at which the run is complete."""
        recipe, borders = self.recipe, self.borders
        if recipe.steps is not None:
            return recipe.steps
        if recipe.epochs is not None:
            return max(1, round(min(recipe.epochs * self.steps_per_epoch, ENDLESS)))
        epochs, rest = divmod(recipe.images or 0, borders[-1])
        return epochs * self.steps_per_epoch + next(i for i, seen in enumerate(borders) if seen >= rest)

    @property
    def steps_per_epoch(self) -> int:
        """Batches in one epoch."""
        return len(self.borders) - 1

    @property
    def images(self) -> int:
        """Real samples seen so far."""
        return self.images_before(self.step)

    def images_before(self, step: int) -> int:
        """Real samples seen before a step, counted from 0."""
        epoch, index = divmod(step, self.steps_per_epoch)
        return epoch * self.borders[-1] + self.borders[index]

    @property
    def epoch(self) -> float:
        """Epochs finished so far, with the fraction of the current one."""
        return self.step / self.steps_per_epoch

    def is_due(self, *, epochs: float = 0, steps: int = 0) -> bool:
        """Whether what happens every so many epochs or steps is due after the step just finished."""
        period = self.period(epochs=epochs, steps=steps)
        return period > 0 and self.step % period == 0

    def period(self, *, epochs: float = 0, steps: int = 0) -> int:
        """Steps between two of something that happens every so many epochs or steps; 0 for never."""
        return steps or (max(1, round(epochs * self.steps_per_epoch)) if epochs else 0)

    def play(self) -> None:
        """Play the next step of the game: a pure function of the weights, the seed and the step."""
        # After a rollback the same noise would lead to the same end.
        again = ("again", self.rollbacks) if self.rollbacks else ()
        seed = derive(self.settings.seed, "step", self.step, *again)
        feed, seen = self.feed, self.images
        for turn in self.game.turns:
            turn.set_rate(seen, self.images_before(self.total_steps))
        self.is_whole = False
        with self.group.step(self.images_before(self.step + 1) - seen, seed, self.device) as rows:
            indices = feed.indices(self.step, rows)
            samples = feed.batch(self.step, rows)
            self.batch = Batch(*samples, self.group, indices=indices, step=self.step)
            stats = self._play_step(self.batch, self.step)
            self.step += 1
            self.window.add(stats, self.step)
        if self.average is not None:
            self.average.update(self.images - seen)
        self.is_whole = True
        if self.step % self.steps_per_epoch % self.recipe.record_every_steps == 0:
            self.record_window()

    def record_window(self) -> None:
        """Sum up the steps since the last record in one line. Raises DivergedError."""
        if self.window.is_empty:
            return
        numbers = self.window.summary(self.game)
        for name, value in numbers.items():
            if not math.isfinite(value):
                raise divergence.error(self, f"{name} is {value}")
        self.window.clear()
        self.record(numbers)

    def record(self, numbers: Mapping[str, float]) -> None:
        """Add a line to metrics.jsonl and tell the callbacks, on the rank that writes."""
        if not self.group.is_first:
            return
        line = {"step": self.step, "images": self.images, "epoch": round(self.epoch, 6), **numbers}
        self.metrics.write(line)
        self.hooks.hook.record(run=self, numbers=line)

    def samples(self, split: Split) -> Samples | None:
        """The stored samples of a split, loaded once; None where the data set has no such split."""
        if split not in self._splits:
            part = self.parts.resolved["dataset"][0]
            self._splits[split] = promises.samples(part, self.dataset.load(split), self.dataset.spec)
        return self._splits[split]

    def real(self, count: int, split: Split = "train") -> tuple[Tensor, Tensor | None]:
        """Samples spread evenly over a split, in the range that networks see, and their labels.

        All of them, in order, where there are no more than `count`. Where the generator makes pictures of
        pictures, those that it should make; `seen` has both.
        """
        values, labels = self.seen(count, split)
        return self.game.latent.target(values), labels

    def seen(self, count: int, split: Split = "train") -> tuple[Tensor, Tensor | None]:
        """The samples of `real` as networks see them, whole."""
        stored = self.samples(split) or self.samples("train")
        assert stored is not None  # the feed has refused a data set without training samples
        rows = spread(len(stored), count)
        values = self.feed.scaled(stored.values[rows].to(self.device))
        return values, None if stored.labels is None else stored.labels[rows].to(self.device)

    @property
    def made(self) -> nn.Module:
        """What a run makes: the generator, the averaged one if there is one."""
        return self.average.network if self.average else self.game.generator

    @cached_property
    def is_conditional(self) -> bool:
        """Whether the generator makes samples for given labels."""
        return takes(self.game.generator.forward, "labels")

    def generate(
        self, count: int, labels: Labels = None, seed: int = 0, start: Tensor | None = None
    ) -> Tensor:
        """Generated samples (count, *shape), float32, as networks see them; with averaged weights, if any.

        start: what to make them of, else noise from the seed, or pictures of the test split if there is one.
        """
        if start is None:
            start = self._start(count, derive(self.settings.seed, seed))
        return sampling.draw(self.made, self.game.spec, start, labels)

    def _start(self, count: int, seed: int) -> Tensor:
        latent, spec = self.game.latent, self.game.spec
        return sampling.start(self.made, latent, spec, count, seed, lambda n: self.seen(n, "test")[0])

    def infer(self, player: str, samples: Tensor) -> Tensor | None:
        """What a player makes of samples (N, ...), in inference mode, float32; None if there is no such."""
        network = self.game.players.get(player)
        return None if network is None else sampling.infer(network, samples)

    @torch.no_grad()
    def score(self, samples: Tensor, labels: Tensor | None = None) -> Tensor:
        """The discriminator's scores of samples as networks see them, whole, in inference mode."""
        with inference(*self.game.players.values()):
            x = torch.split(samples.to(self.device, self.parts.dtype), SCORED_AT_ONCE)
            y = [None] * len(x) if labels is None else torch.split(labels.to(self.device), SCORED_AT_ONCE)
            return torch.cat([self.game.score(a, b) for a, b in zip(x, y, strict=True)])

    def save(self) -> None:
        """Write the generator and a checkpoint. Raises DivergedError rather than save what is not finite."""
        divergence.check(self)
        tree = state.gather(self)
        if not self.group.is_first:
            return
        # The checkpoint is last: whatever it counts on is on the disk before it.
        self.save_generator()
        storage.sync(self.metrics.path)
        if self.checkpoints.current != self.step:
            self.checkpoints.save(self.step, tree)

    def save_generator(self, name: str = "generator.safetensors") -> None:
        """Write the generator, the averaged one if there is one, into a file of the run directory."""
        path = self.directory / name
        generator_file.save(path, self.made, self.recipe.generator, self.game.spec, self.game.latent)

    def go_on(self, *, allow_other_data: bool = False) -> None:
        """Continue from the newest checkpoint.

        Raises CheckpointError where there is none, where it belongs elsewhere, or was trained on other data.
        """
        tree = self.load_checkpoint()
        same_data = tree.get("fingerprint") == self.fingerprint
        if not same_data and not allow_other_data:
            message = "the training data differ from those of the checkpoint."
            raise CheckpointError(f"{message} Name the right ones with --data, or add --allow-other-data.")
        self.restore(tree)
        changes = state.changes(self, tree) + ([] if same_data else ["other training data"])
        if changes:
            self.warn(f"not bit-exact: {', '.join(changes)}")

    def load_checkpoint(self) -> Mapping[str, Any]:
        """The newest checkpoint, which rank 0 reads for all. Raises CheckpointError."""
        if self.group.size == 1:
            return self.checkpoints.load()
        content = checkpoint.content(self.checkpoints.load()) if self.group.is_first else b""
        return checkpoint.tree(self.group.tell(content))

    def restore(self, tree: Mapping[str, Any]) -> None:
        """Put the state of a checkpoint back, here and in the callbacks, and forget later records."""
        state.restore(self, tree)
        if self.replay:
            self.replay.forget()
        if self.group.is_first:
            self.metrics.cut(tree["metrics_bytes"])
        state.restore_callbacks(self, tree["callbacks"])

    def warn(self, message: str) -> None:
        """Say that something looks wrong while training goes on: to the callbacks, or else in the log."""
        if self.hooks.hook.warning.get_hookimpls():
            self.hooks.hook.warning(run=self, message=message)
        else:
            _log.warning("%s", message)

    @cached_property
    def fingerprint(self) -> str:
        """A checksum of the training data, to notice when a run goes on with other data."""
        stored = self.samples("train")
        assert stored is not None  # the feed has refused a data set without training samples
        return state.fingerprint(stored)
