"""Checks that parts fit, on two samples, before any data are loaded.

Every check works on a copy of the network: no running statistic moves and no random number is used up.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from copy import deepcopy
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn

from ganzoo.engine import faults
from ganzoo.engine.calls import call_with_labels, takes
from ganzoo.errors import GanzooError, MisfitError, PluginError
from ganzoo.spec import DataSpec

if TYPE_CHECKING:
    from ganzoo.engine.resolve import Resolved


def generator(
    part: "Resolved", network: nn.Module, spec: DataSpec, start: int | DataSpec, smallest_batch: int
) -> None:
    """Noise of a size or pictures of a spec must become samples (N, *shape) in the data's range.

    Raises MisfitError and PluginError.
    """
    in_range(part, two_samples(part, network, spec, start), spec)
    like = _like(network)
    lonely = _samples(1, start, like) if isinstance(start, DataSpec) else torch.zeros(1, start).to(like)
    _check_lonely_sample(part, network, lonely, smallest_batch)


def two_samples(part: "Resolved", network: nn.Module, spec: DataSpec, start: int | DataSpec) -> Tensor:
    """What a generator makes of two starts, which must be (2, *shape). Raises MisfitError, PluginError."""
    _check_labels(part, network, spec)
    like = _like(network)
    with _trial(part, network) as trial:
        made = trial(_starts(2, start, like), _labels(2, like))
    _check_tensor(part, made, f"samples (2, {spec.shape_text.replace('x', ', ')})")
    if made.dim() != len(spec.shape) + 1 or len(made) != 2:
        what = "latent vectors" if isinstance(start, int) else "pictures"
        raise broken(part, f"makes {tuple(made.shape)} from 2 {what}; expected (2, {spec.shape_text})")
    if made.shape[1:] != spec.shape:
        shape = "x".join(map(str, made.shape[1:]))
        raise MisfitError(
            f"{part.label} makes {shape}, data is {spec.shape_text}. Choose parts of one shape."
        )
    return made


def discriminator(part: "Resolved", network: nn.Module, spec: DataSpec, smallest_batch: int) -> None:
    """Samples (2, *shape) must become raw scores (2,) or (2, patches). Raises MisfitError and PluginError."""
    two_scores(part, network, spec)
    raw_scores(part, network, spec)
    _check_lonely_sample(part, network, _samples(1, spec, _like(network)), smallest_batch)


def two_scores(part: "Resolved", network: nn.Module, spec: DataSpec) -> None:
    """A discriminator must give two samples scores (2,) or (2, patches). Raises MisfitError, PluginError."""
    _check_labels(part, network, spec)
    like = _like(network)
    with _trial(part, network) as trial:
        scores = trial(_samples(2, spec, like), _labels(2, like))
    _check_tensor(part, scores, "scores (2,)")
    if scores.dim() not in (1, 2) or len(scores) != 2:
        raise broken(part, f"gives scores {tuple(scores.shape)} for 2 samples; expected (2,) or (2, patches)")


def raw_scores(part: "Resolved", network: nn.Module, spec: DataSpec) -> None:
    """A discriminator must not end with a sigmoid. Raises MisfitError and PluginError."""
    like = _like(network)
    with blaming(part), torch.no_grad(), torch.random.fork_rng(devices=[]):
        torch.default_generator.manual_seed(0)
        if _squashes(network, _samples(4, spec, like), _labels(4, like)):
            raise broken(
                part, "squashes its scores into [0, 1]; expected raw scores, without a sigmoid at the end"
            )


def loss(part: "Resolved", made: Any) -> None:
    """Both players' losses must be finite scalars with a gradient. Raises PluginError."""
    real, fake = torch.tensor([0.5, -0.2], requires_grad=True), torch.tensor([-0.3, 0.1], requires_grad=True)
    with blaming(part):
        made = deepcopy(made)  # a loss may keep state
        values = {
            "discriminator": made.discriminator(real, fake),
            "generator": made.generator(fake, real)
            if takes(made.generator, "real")
            else made.generator(fake),
        }
    for player, value in values.items():
        if not isinstance(value, Tensor) or value.dim() != 0:
            got = tuple(value.shape) if isinstance(value, Tensor) else type(value).__name__
            raise broken(part, f"gives the {player} {got}; expected a scalar tensor")
        if not value.isfinite():
            raise broken(
                part, f"gives the {player} {value.item():g} for small scores; expected a finite value"
            )
        if not value.requires_grad:
            raise broken(
                part, f"gives the {player} a value without a gradient; expected one that depends on scores"
            )
    if not isinstance(getattr(made, "probability", None), bool):
        raise broken(
            part, "does not say whether sigmoid(score) is a probability; set probability = True or False"
        )


def penalty(part: "Resolved", network: nn.Module, spec: DataSpec) -> None:
    """A penalty must be a finite scalar. Raises PluginError; MisfitError where D has no such gradient."""
    like = _like(network)
    real, fake = _samples(2, spec, like), _samples(2, spec, like)
    with blaming(part), torch.random.fork_rng(devices=[]):
        score = call_with_labels(deepcopy(network).train())
        labels = _labels(2, like) if takes(network.forward, "labels") else None
        try:
            value = part.factory(score, real, fake, labels, **part.options)
        except (RuntimeError, NotImplementedError) as error:
            raise MisfitError(f"{part.label} cannot be taken of this discriminator: {error}") from error
        if not isinstance(value, Tensor) or value.dim() != 0 or not value.isfinite():
            raise broken(part, f"gives {value!r}; expected a finite scalar tensor")


def augmentation(part: "Resolved", made: Any, spec: DataSpec) -> None:
    """Samples must stay samples of their shape, with a gradient. Raises PluginError."""
    if not isinstance(made, nn.Module) or not callable(getattr(made, "observe", None)):
        raise broken(part, f"is a {type(made).__name__}; expected a torch.nn.Module with a method observe")
    samples = _samples(2, spec, torch.empty(0)).requires_grad_(True)
    with blaming(part), torch.random.fork_rng(devices=[]):
        seen = deepcopy(made)(samples)
        _check_tensor(part, seen, f"samples {tuple(samples.shape)}")
        if seen.shape != samples.shape:
            raise broken(
                part, f"makes {tuple(seen.shape)} from {tuple(samples.shape)}; expected the same shape"
            )
        if not seen.requires_grad:
            raise broken(part, "cuts the gradient; expected samples that depend on those it was given")


def labels_agree(generator: "Resolved", g: nn.Module, discriminator: "Resolved", d: nn.Module) -> str | None:
    """A warning where only G looks at labels. Raises MisfitError where only D does."""
    g_looks, d_looks = takes(g.forward, "labels"), takes(d.forward, "labels")
    if d_looks and not g_looks:
        raise MisfitError(
            f"{discriminator.label} judges labels and {generator.label} does not take any: "
            "its samples could never match. Choose a conditional generator."
        )
    if g_looks and not d_looks:
        unseen = f"{generator.label} takes labels that {discriminator.label} does not see"
        return f"{unseen}: nothing teaches it to obey."
    return None


def _check_labels(part: "Resolved", network: nn.Module, spec: DataSpec) -> None:
    if takes(network.forward, "labels") and spec.classes is None:
        raise MisfitError(f"{part.label} is conditional and the data have no labels. Choose labelled data.")


def _check_tensor(part: "Resolved", value: object, expected: str) -> None:
    if not isinstance(value, Tensor):
        raise broken(part, f"returns a {type(value).__name__}; expected a tensor of {expected}")
    if not value.is_floating_point():
        raise broken(part, f"returns {value.dtype}; expected floating point {expected}")
    if not value.isfinite().all():
        raise broken(part, f"returns NaN or infinity; expected finite {expected}")


def in_range(part: "Resolved", made: Tensor, spec: DataSpec) -> None:
    """Samples must lie in the data's range. Raises MisfitError and PluginError."""
    if spec.value_range is None:
        return
    low, high = spec.value_range
    if made.min() < low - 1e-4 or made.max() > high + 1e-4:
        got = f"[{made.min().item():.3g}, {made.max().item():.3g}]"
        message = f"makes values in {got}, data is in [{low:g}, {high:g}]"
        if part.component.is_builtin:
            raise MisfitError(f"{part.label} {message}.")
        raise broken(part, message)


def _check_lonely_sample(part: "Resolved", network: nn.Module, sample: Tensor, smallest_batch: int) -> None:
    if smallest_batch > 1:
        return
    try:
        with _trial(part, network) as trial:
            trial(sample, _labels(1, sample))
    except (PluginError, MisfitError) as error:
        raise MisfitError(
            f"{part.label} cannot learn from one sample alone (batch norm needs two), and the last batch "
            "of an epoch has just one. Set last_batch=drop or another batch."
        ) from error


def _squashes(network: nn.Module, samples: Tensor, labels: Tensor) -> bool:
    """Whether scores stay in [0, 1] whatever the weights are, as behind a sigmoid."""
    trial = deepcopy(network).train()
    call = call_with_labels(trial)
    for _ in range(8):
        for parameter in trial.parameters():
            parameter.normal_(0, 10)
        scores = call(samples, labels)
        if not ((scores >= 0) & (scores <= 1)).all():
            return False
    return True


@contextmanager
def _trial(part: "Resolved", network: nn.Module) -> Iterator[Callable[[Tensor, Tensor], Tensor]]:
    with blaming(part), torch.no_grad(), torch.random.fork_rng(devices=[]):
        torch.default_generator.manual_seed(0)
        yield call_with_labels(deepcopy(network).train())


@contextmanager
def blaming(part: "Resolved") -> Iterator[None]:
    """Turn any error of a component into one that names it."""
    try:
        yield
    except GanzooError:
        raise
    except (Exception, SystemExit) as error:
        raise faults.failure(part, "on two samples", error) from error


def broken(part: "Resolved", message: str) -> GanzooError:
    """The error of a component that is not what its kind promises; ganzoo's own were asked for too much."""
    if part.component.is_builtin:
        return MisfitError(f"{part.label} {message}. Choose other options.")
    return PluginError(f"{part.origin} breaks its contract: it {message}.")


def _like(network: nn.Module) -> Tensor:
    return next(network.parameters(), torch.empty(0)).detach()


def _starts(count: int, start: int | DataSpec, like: Tensor) -> Tensor:
    """What a generator may start from: noise, or pictures."""
    if isinstance(start, DataSpec):
        return _samples(count, start, like)
    return torch.zeros(count, start).to(like).normal_()


def _labels(count: int, like: Tensor) -> Tensor:
    return torch.zeros(count, dtype=torch.int64, device=like.device)


def _samples(count: int, spec: DataSpec, like: Tensor) -> Tensor:
    """Samples spread over the data's range, drawn without touching the global generator."""
    source = torch.Generator()
    source.manual_seed(1)
    low, high = spec.value_range or (-1.0, 1.0)
    return (low + (high - low) * torch.rand(count, *spec.shape, generator=source)).to(like)
