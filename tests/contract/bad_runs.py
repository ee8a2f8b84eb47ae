"""Recipes, games and callbacks that break one promise each."""

import random
from pathlib import Path

import torch

from ganzoo.engine.game import StandardGame, Turn
from ganzoo.hooks import hookimpl
from ganzoo.recipe import Part, Recipe
from ganzoo.zoo.fashion import RECIPE

# Recipes ----------------------------------------------------------------------------------------------------


class Unwritten(Recipe):
    """Says something else when it is written down."""

    def to_table(self):
        return {**super().to_table(), "latent": self.latent + 1}


class Rolling(Recipe):
    """Rolls dice when it is asked for its loss."""

    def __getattribute__(self, name):
        if name == "loss":
            random.random()
        return super().__getattribute__(name)


def like(kind, **changes):
    """The recipe `fashion` as another type."""
    values = {name: getattr(RECIPE, name) for name in RECIPE.__dataclass_fields__}
    return kind(**{**values, **changes})


class Moody(torch.nn.Module):
    """A discriminator whose first weights no seed decides."""

    def __init__(self, spec):
        super().__init__()
        self.linear = torch.nn.Linear(spec.features, 1)
        source = torch.Generator()
        source.seed()
        torch.nn.init.normal_(self.linear.weight, generator=source)

    def forward(self, x):
        return self.linear(x.flatten(1)).squeeze(1)


class Watchful(torch.nn.Module):
    """A discriminator that looks at numbers."""

    def __init__(self, spec):
        super().__init__()
        self.linear = torch.nn.Linear(spec.features, 1)

    def forward(self, x):
        return self.linear(x.flatten(1) if x.mean() < 100 else 0 * x.flatten(1)).squeeze(1)


class Tiring(torch.nn.Module):
    """A discriminator that counts where no checkpoint looks."""

    def __init__(self, spec):
        super().__init__()
        self.linear, self.seen = torch.nn.Linear(spec.features, 1), 0

    def forward(self, x):
        self.seen += self.training
        return self.linear(x.flatten(1)).squeeze(1) / (1 + self.seen)


class Maturing(Tiring):
    """A discriminator that is another one from its eighth call on."""

    def forward(self, x):
        self.seen += self.training
        scores = self.linear(x.flatten(1)).squeeze(1)
        return scores if self.seen < 8 else 2 * scores


MISFIT = RECIPE.with_part("generator", Part("fashion")).with_part("discriminator", Part("cgan"))
RECIPES = [
    ("process", like(Rolling), "Python's random numbers"),
    ("written", lambda: RECIPE, "expected a ganzoo.recipe.Recipe, got function"),
    ("written", like(Unwritten), "the recipe back from its tables"),
    ("fits", MISFIT, "that it fits some data, got refusals"),
    ("fits", RECIPE.with_part("loss", Part("absent")), "there is no 'absent' among the losses"),
    ("repeat", RECIPE.with_part("discriminator", Part("teeth/moody")), "two runs that agree to the bit"),
    (
        "waiting",
        RECIPE.with_part("discriminator", Part("teeth/watchful")),
        "steps that do not wait for the device, got _local_scalar_dense",
    ),
    (
        "steps",
        RECIPE.with_part("discriminator", Part("teeth/tiring")),
        r"the weights of \d steps after \d \+ \d",
    ),
    (
        "replay",
        RECIPE.with_part("discriminator", Part("teeth/maturing")),
        "the same weights when its steps are replayed",
    ),
]
SOUND_RECIPES = [
    RECIPE.with_part("generator", Part("cgan")).with_part("discriminator", Part("dcgan", slope=0.1))
]

# Games ------------------------------------------------------------------------------------------------------


class Rolls(StandardGame):
    def d_loss(self, batch):
        random.random()
        return super().d_loss(batch)


class Empty(StandardGame):
    def __init__(self, parts):
        super().__init__(parts)
        self.turns = ()


class Idle(StandardGame):
    """G's turn asks for no weight."""

    def g_loss(self, batch):
        loss, stats = super().g_loss(batch)
        return 0 * loss, stats


class Stray(StandardGame):
    """Learns a weight that belongs to no player."""

    def __init__(self, parts):
        super().__init__(parts)
        d, g = self.turns
        extra = torch.nn.Parameter(torch.zeros(1))
        self.turns = (Turn(d.name, [*d.parameters, extra], d.optimizer, d.schedule, d.loss), g)


class Silent(StandardGame):
    def __init__(self, parts):
        super().__init__(parts)
        self.summary = lambda stats: {"d_loss": torch.tensor(float("nan"))}


class Loud(StandardGame):
    """Scores the batch as a whole."""

    def __init__(self, parts):
        super().__init__(parts)
        score = self.score
        self.score = lambda x, y: score(x, y).mean()[None]


class Unseeded(StandardGame):
    """Noise from where no seed reaches."""

    def noise(self, batch):
        source = torch.Generator()
        source.seed()
        return torch.randn(len(batch.real), self.latent.size, generator=source)


class Waiting(StandardGame):
    """Asks for a number in each step."""

    def d_loss(self, batch):
        loss, stats = super().d_loss(batch)
        return (loss if loss.item() > 0 else 2 * loss), stats


class Choosing(StandardGame):
    """Shows D those samples alone that it finds unlikely."""

    def d_loss(self, batch):
        batch.real = batch.real[batch.real.flatten(1).mean(1) > -10]
        return super().d_loss(batch)


class Warming(StandardGame):
    """Counts its turns where no checkpoint looks."""

    count = 0

    def d_loss(self, batch):
        self.count += 1
        loss, stats = super().d_loss(batch)
        return loss / self.count, stats

    def g_loss(self, batch):
        loss, stats = super().g_loss(batch)
        return loss + self.count * self.fakes(batch).square().mean(), stats


class Ripening(StandardGame):
    """Plays another game from its fifth turn on."""

    count = 0

    def d_loss(self, batch):
        self.count += 1
        loss, stats = super().d_loss(batch)
        return (loss if self.count < 5 else 2 * loss), stats


GAMES = [
    ("process", Rolls, "Python's random numbers"),
    ("parts", Empty, "has no turns"),
    ("learning", Idle, "weights that learn in every turn, got none in turn g"),
    ("owners", Stray, "turns that move its players, got others in turn d"),
    ("numbers", Silent, "finite numbers in its summary"),
    ("numbers", Loud, "expected 6 scores"),
    ("repeat", Unseeded, "two runs that agree to the bit"),
    ("waiting", Waiting, "steps that do not wait for the device, got _local_scalar_dense"),
    ("waiting", Choosing, "steps that do not wait for the device, got index"),
    ("steps", Warming, r"the weights of \d steps after \d \+ \d"),
    ("replay", Warming, "steps that repeat themselves, as promised, got operations that change"),
    ("replay", Ripening, "the same weights when its steps are replayed"),
]

# Callbacks --------------------------------------------------------------------------------------------------


class Rolled:
    @hookimpl
    def step_end(self):
        random.random()


class Meddling:
    """Changes weights."""

    @hookimpl
    def step_end(self, run):
        with torch.no_grad():
            next(run.game.generator.parameters()).mul_(1.01)


class Misspelt:
    @hookimpl
    def step_ended(self, run):
        """No such hook."""


class Misnamed:
    @hookimpl
    def step_end(self, rum):
        """No such argument."""


class Hookless:
    """Implements nothing."""


class Amnesiac:
    """Gives its count to a checkpoint and does not take it back."""

    def __init__(self) -> None:
        self.count = 0

    @hookimpl
    def step_end(self):
        self.count += 1

    @hookimpl
    def checkpoint_save(self):
        return {"count": self.count}


class Steady(Amnesiac):
    """Sound: takes it back."""

    @hookimpl
    def checkpoint_load(self, state):
        self.count = state["count"]


class Unsaveable:
    @hookimpl
    def checkpoint_save(self):
        return {"where": Path("/")}


class Rewinder:
    """Moves weights when a run goes on."""

    @hookimpl
    def checkpoint_save(self):
        return {}

    @hookimpl
    def checkpoint_load(self, run):
        with torch.no_grad():
            next(run.game.generator.parameters()).mul_(1.01)


CALLBACKS = [
    ("process", Rolled, "Python's random numbers"),
    ("hooks", Misspelt, r"there is no hook 'step_ended'\. Did you mean 'step_end'\?"),
    ("hooks", Misnamed, r"the hook step_end gives no 'rum'\. Did you mean 'run'\?"),
    ("hooks", Hookless, "a hook at least"),
    ("weights", Meddling, "the weights without it"),
    ("saving", Amnesiac, "the state that it saved"),
    ("saving", Unsaveable, "cannot save PosixPath"),
    ("steps", Rewinder, r"the weights of \d steps after \d \+ \d, got others in generator"),
]
SOUND_CALLBACKS = [Steady]
