"""A few steps on random samples, which checks of whole games play."""

import shutil
import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import torch
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode

from ganzoo import hooks
from ganzoo.datasets.base import Samples, Split
from ganzoo.engine import directory, promises, state
from ganzoo.engine.build import network_spec
from ganzoo.engine.distributed import Group
from ganzoo.engine.parts import Parts
from ganzoo.engine.replay import Tape
from ganzoo.engine.resolve import Resolved, resolve
from ganzoo.engine.run import Run
from ganzoo.recipe import Part, Recipe
from ganzoo.registry import TYPED, Component
from ganzoo.settings import Settings
from ganzoo.spec import DataSpec
from ganzoo.testing._common import NONE, Subject, Untried, draw

ADAM, CPU, ON_CPU = Part("adam"), torch.device("cpu"), Settings(device="cpu")
GOES_ON = "stopped before, at or after the end of an epoch, it goes on to the same bit"
REPLAYED = "its steps lead to the same bit when they are recorded and played again"
SMALL = Recipe(
    generator=Part("vanilla-bn", width=4),
    discriminator=Part("fashion", width=8),
    loss=Part("bce"),
    d_optimizer=ADAM,
    g_optimizer=ADAM,
    latent=3,
    batch=6,
    steps=7,
)


@dataclass(frozen=True)
class RandomSamples:
    """A data set of random samples."""

    spec: DataSpec

    def load(self, split: Split) -> Samples | None:
        """The training samples; there is no test split."""
        return Samples(*draw(self.spec, self.spec.size)) if split == "train" else None


def prepare(recipe: Recipe, spec: DataSpec, path: Path, listener: object = None, **parts: Resolved) -> Run:
    """A run of a recipe on random samples, some of whose parts are given."""
    return assemble(recipe, spec, path, ON_CPU, Group(), parts, listener)


def assemble(
    recipe: Recipe,
    spec: DataSpec,
    path: Path,
    settings: Settings,
    group: Group,
    parts: Mapping[str, Resolved] = NONE,
    listener: object = None,
) -> Run:
    """The same with settings, and on several ranks."""
    recipe, resolved = resolve(replace(recipe, dataset=None, callback=(), ema_half_life_images=0.0))
    source = Component("datasets", "random samples", TYPED, "", f"{__name__}:RandomSamples")
    data = Resolved("dataset", source, RandomSamples, {"spec": spec})
    resolved |= {"dataset": [data], **{role: [part] for role, part in parts.items()}}
    settled = (settings.seed, CPU, settings.precision, group)
    made = Parts(recipe, resolved, network_spec(spec, recipe), *settled)
    game = resolved["game"][0].build(made)
    promises.game(resolved["game"][0], game)
    named = {} if listener is None else {parts["callback"].component.name: listener}
    manager = hooks.manager(list(named.values()))
    return Run(recipe, settings, made, game, RandomSamples(spec), path, manager, named)


class Waits(TorchDispatchMode):  # type: ignore[no-untyped-call]
    """Names the calls of torch that would make the processor wait for a GPU's numbers.

    They are those that give Python a number, and those that make tensors whose size depends on numbers.
    """

    FORBIDDEN = ("_local_scalar_dense", "equal", "nonzero", "masked_select", "_unique", "_unique2")

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.calls: list[str] = []

    def __torch_dispatch__(
        self, function: Any, types: Any, args: tuple[Any, ...] = (), kwargs: Any = None
    ) -> Any:
        name = function.overloadpacket.__name__
        if name in self.FORBIDDEN or (name in ("index", "index_put", "index_put_") and _has_mask(args[1])):
            self.calls.append(name)
        return function(*args, **(kwargs or {}))


def _has_mask(indices: Sequence[Tensor | None]) -> bool:
    return any(index is not None and index.dtype in (torch.bool, torch.uint8) for index in indices)


def play(run: Run, steps: int = 2) -> dict[str, Tensor]:
    """All weights and buffers after some steps."""
    for _ in range(steps):
        run.play()
    return weights(run)


def weights(run: Run) -> dict[str, Tensor]:
    """All weights and buffers of all players, and what else the game keeps."""
    owners = [*run.game.players.items(), *run.game.modules.items()]
    return {f"{owner}.{n}": v.clone() for owner, network in owners for n, v in network.state_dict().items()}


def same(a: dict[str, Tensor], b: dict[str, Tensor]) -> bool:
    """Whether two sets of weights agree to the bit."""
    return a.keys() == b.keys() and all(torch.equal(a[name], b[name]) for name in a)


def check_replay(subject: Subject, recipe: Recipe, spec: DataSpec, **parts: Resolved) -> bool:
    """Replayed steps must lead to the weights of played ones; whether all kinds of steps were replayed.

    Raises Untried where the game does not promise that its steps repeat themselves.
    """
    spec = replace(spec, size=2 * recipe.batch)
    with tempfile.TemporaryDirectory() as folder:

        def make(choice: Any) -> Run:
            return assemble(recipe, spec, Path(folder), replace(ON_CPU, replay=choice), Group(), parts)

        played = make("off")
        if not all(turn.repeats for turn in played.game.turns):
            raise Untried("the game does not promise that its steps repeat themselves")
        replayed = make("on")
        replay: Any = replayed.replay
        steps = 3 * replay.kinds * replayed.steps_per_epoch  # two recordings of each kind, and one replayed
        is_same = same(play(played, steps), play(replayed, steps))
    subject.expect(is_same, "the same weights when its steps are replayed", "others")
    return all(isinstance(tape, Tape) for tape in replay.tapes.values())


def create(run: Run) -> None:
    """Make the directory of a run."""
    directory.create(run.directory, "contract", run.recipe, run.settings.to_table(), {})


def check_resumption(subject: Subject, recipe: Recipe, spec: DataSpec, **parts: Resolved) -> None:
    """A run stopped near the end of an epoch must go on to the weights of one that was not stopped."""
    with tempfile.TemporaryDirectory() as folder:
        expect_resumption(subject, lambda name: prepare(recipe, spec, Path(folder, name), **parts))


def expect_resumption(subject: Subject, make: Callable[[str], Run]) -> None:
    """The same for runs that `make` gives by the name of their folder, from checkpoints in their files."""
    whole = make("whole")
    create(whole)
    border = whole.steps_per_epoch
    while whole.step < border + 1:
        whole.play()
        if whole.step >= border - 1:
            whole.checkpoints.save(whole.step, state.gather(whole))
            shutil.copytree(whole.directory, whole.directory.with_name(f"stopped-{whole.step}"))
    expected = play(whole, 1)
    for stop in range(max(border - 1, 1), border + 2):
        rest = make(f"stopped-{stop}")
        rest.go_on()
        got = play(rest, border + 2 - stop)
        different = [name for name in expected if not torch.equal(expected[name], got[name])]
        where = f"the weights of {border + 2} steps after {stop} + {border + 2 - stop}"
        subject.expect(not different, where, f"others in {', '.join(different)}")
