"""Steps on a device that is not the processor: every tensor is there, and nothing waits for it.

The device is torch's `meta`, whose tensors have shapes and no values: whoever asks one for a number, copies
it to the processor or mixes it with a tensor that was left there, fails. What needs numbers before the first
step is answered by the processor.
"""

from dataclasses import replace

import pytest
import torch

from ganzoo import optimizers, registry
from ganzoo.engine import check, game, parts
from ganzoo.errors import MisfitError
from ganzoo.testing import _steps
from ganzoo.testing._runs import KINDS
from ganzoo.testing._steps import prepare

META = torch.device("meta")
RECIPES = [component.full_name for component in registry.components("recipes")]
SIX = ("vanilla", "vanilla-bn", "cgan", "gaussian", "dcgan", "fashion")


@pytest.fixture
def on_meta(monkeypatch, tmp_path):
    """A run on the device that has no values, of parts that were tried on the processor."""
    adamw = optimizers._AdamW

    def make(recipe):
        spec = replace(fitting(recipe, tmp_path), size=128)  # a record is due at the end of an epoch
        answers = {name: note(monkeypatch, where, name) for where, name in ASKED}
        prepare(recipe, spec, tmp_path)
        for where, name in ASKED:
            told = iter(answers[name])
            monkeypatch.setattr(where, name, lambda *given, told=told: next(told))
        for name in ("generator", "discriminator", "loss", "penalty", "augmentation"):
            monkeypatch.setattr(check, name, lambda *given: None)
        monkeypatch.setattr(check, "labels_agree", lambda *given: "")
        # torch has no fused optimizer for this device.
        monkeypatch.setattr(optimizers, "_AdamW", lambda p, fused, **more: adamw(p, **more))
        monkeypatch.setattr(_steps, "CPU", META)
        with monkeypatch.context() as patch:
            patch.setattr(torch.Tensor, "any", lambda tensor: True)  # spectral-norm asks once
            return prepare(recipe, spec, tmp_path)

    return make


ASKED = [(parts, "mixes_samples"), (game, "is_pure")]


def fitting(recipe, path):
    for spec in KINDS:
        try:
            prepare(recipe, spec, path)
        except MisfitError:
            continue
        return spec
    raise AssertionError("the recipe fits no data")


def note(monkeypatch, where, name):
    """The answers that a function gives from now on."""
    ask, answers = getattr(where, name), []

    def noting(*given):
        answers.append(ask(*given))
        return answers[-1]

    monkeypatch.setattr(where, name, noting)
    return answers


def mark(name):
    first = name.removeprefix("ganzoo/") in SIX
    return pytest.param(name, marks=() if first else pytest.mark.slow)


@pytest.mark.parametrize("name", [mark(name) for name in RECIPES])
def test_nothing_waits_between_records(on_meta, name):
    recipe = registry.find("recipes", name).load()
    recipe = replace(recipe, batch=min(recipe.batch, 8), record_every_steps=1000, ema_half_life_images=100.0)
    run = on_meta(recipe)
    for _ in range(1 + max(turn.every for turn in run.game.turns)):
        run.play()
        assert run.batch.real.is_meta
    for network in run.game.players.values():
        assert all(value.is_meta for value in network.state_dict().values())
    with pytest.raises((RuntimeError, NotImplementedError), match="meta"):
        run.record_window()  # the first to ask for a number


def test_who_waits_fails(on_meta, monkeypatch):
    run = on_meta(replace(registry.find("recipes", "gaussian").load(), batch=8, record_every_steps=1000))
    plain = run.game.contest.loss.generator
    monkeypatch.setattr(run.game.contest.loss, "generator", lambda fake: plain(fake) * fake.mean().item())
    with pytest.raises(RuntimeError, match="meta"):
        run.play()
