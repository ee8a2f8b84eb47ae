"""Warnings in plain words: said where training is hopeless, once, and nowhere else."""

import math
from dataclasses import dataclass
from types import SimpleNamespace

import pytest
import tomli_w
import torch

import ganzoo
from callbacks import small
from ganzoo import registry
from ganzoo.callbacks import health
from ganzoo.callbacks.health import Health
from ganzoo.engine.run import Run
from ganzoo.recipe import Part, Recipe

DATASET = "callbacks.small:labelled"

PERFECT = {"d_loss": 1e-5, "d_real": 1.0, "d_fake": 1e-5, "d_accuracy": 1.0, "g_accuracy": 0.0}
GOOD = {"d_loss": 1.2, "d_real": 0.6, "d_fake": 0.4, "d_accuracy": 0.6, "g_accuracy": 0.4}


def said_by(tmp_path, records, patience=100, every=10):
    """The warnings after records that are so many steps apart."""
    said: list[str] = []
    hook = SimpleNamespace(warning=lambda run, message: said.append(message))
    optimizer = SimpleNamespace(options={"lr": 2e-4})
    recipe = SimpleNamespace(d_optimizer=optimizer, g_optimizer=optimizer)
    run = SimpleNamespace(step=0, directory=tmp_path, hooks=SimpleNamespace(hook=hook), recipe=recipe)
    watching = Health(patience_steps=patience)
    for numbers in records:
        run.step += every
        watching.record(run, numbers)
    return said


def test_a_perfect_discriminator_is_said_once_with_something_to_try(tmp_path):
    said = said_by(tmp_path, [PERFECT] * 200)
    assert len(said) == 1
    assert "discriminator has hardly ever been wrong" in said[0]
    assert "--set d_optimizer.lr=5e-05" in said[0]
    assert "\n" not in said[0]
    assert (tmp_path / "warnings.txt").read_text() == said[0] + "\n"


@pytest.mark.parametrize("every", [1, 10, 100, 1000])
def test_patience_is_counted_in_steps_however_often_there_is_a_record(tmp_path, every):
    assert said_by(tmp_path, [PERFECT] * (2000 // every), patience=2000, every=every) == []
    (message,) = said_by(tmp_path, [PERFECT] * (2000 // every + 1), patience=2000, every=every)
    assert message.startswith(f"step {2000 + every:,}: for 2,000 steps the discriminator")


def test_a_discriminator_that_is_perfect_for_a_while_is_no_reason_to_worry(tmp_path):
    assert said_by(tmp_path, [GOOD] * 50 + ([PERFECT] * 9 + [GOOD] * 90) * 5) == []
    assert said_by(tmp_path, [GOOD] * 1000) == []


@pytest.mark.parametrize("every", [1, 100])
def test_one_batch_out_of_many_decides_nothing(tmp_path, every):
    odd = {**PERFECT, "d_accuracy": 0.98, "d_fake": 0.02}
    assert len(said_by(tmp_path, ([PERFECT] * 99 + [odd]) * 80, patience=3000, every=every)) == 1
    assert said_by(tmp_path, ([GOOD] * 9 + [PERFECT]) * 800, patience=300, every=every) == []


@pytest.mark.parametrize(
    ("scores", "warned"),
    [
        ({"d_loss": 0.0, "real_score": 3.0, "fake_score": -3.0}, True),
        ({"d_loss": 2.0, "real_score": 0.0, "fake_score": 0.0}, False),
        ({"d_loss": 0.0, "real_score": 0.0, "fake_score": 0.0}, False),  # the critic's loss of no difference
        ({"d_loss": -9.0, "real_score": 5.0, "fake_score": -4.0}, False),  # what a critic aims at
    ],
)
def test_losses_without_probabilities(tmp_path, scores, warned):
    assert len(said_by(tmp_path, [scores] * 100)) == warned


def test_a_loss_that_runs_away(tmp_path):
    swinging = [{"d_loss": sign * 1e6, "real_score": 0.0, "fake_score": 0.0} for sign in (1, -1)] * 100
    (message,) = said_by(tmp_path, swinging)
    assert "the discriminator's loss has been enormous" in message
    assert "--penalty wgan-gp" in message


def test_records_of_other_callbacks_are_ignored(tmp_path):
    assert said_by(tmp_path, [{"kl": math.nan}, {"d1_loss": 1e9}] * 300) == []


def test_spread_compares_samples_of_one_label_where_there_are_labels():
    samples = torch.tensor([[0.0], [1.0], [10.0], [11.0]])
    assert health.spread(samples, None) == pytest.approx((1 + 10 + 11 + 9 + 10 + 1) / 6)
    assert health.spread(samples, torch.tensor([0, 0, 1, 1])) == 1.0
    assert health.spread(samples, torch.arange(4)) == health.spread(samples, None)
    assert health.spread(samples[:1], None) == 0.0


def test_missed_is_the_share_of_real_samples_that_no_fake_is_near():
    real = torch.tensor([[0.0], [1.0], [50.0], [51.0], [90.0], [91.0]])
    assert health.missed(real, torch.tensor([[0.4], [60.0], [90.5]])) == 0.0  # 10 times the distance of 1
    assert health.missed(real, torch.tensor([[0.4], [61.5]])) == pytest.approx(4 / 6)
    assert health.missed(real[:1], real[2:3]) == 0.0


class Same(torch.nn.Module):
    """Makes the same picture from all noise, or of every label."""

    def __init__(self, spec, latent):
        super().__init__()
        self.picture = torch.nn.Parameter(torch.zeros(spec.classes or 1, *spec.shape))

    def forward(self, z):
        return self.picture[:1].tanh() + 0 * z.sum(1).view(-1, 1, 1, 1)


class SamePerLabel(Same):
    """The same, told apart by their labels alone."""

    def forward(self, z, labels):
        return (self.picture[labels] + labels.view(-1, 1, 1, 1)).tanh() + 0 * z.sum(1).view(-1, 1, 1, 1)


@dataclass(frozen=True)
class Training:
    """A finished run and what its callbacks were warned of."""

    run: Run
    said: list[str]


def train(out, steps, generator="Same", recipe="vanilla", dataset=DATASET):
    """A run with a generator of this file that is compared with real samples every second step."""
    said: list[str] = []
    config = out.with_suffix(".toml")
    callback = {"name": "health", "patience_steps": 6, "every_steps": 2}
    config.write_text(tomli_w.dumps({"recipe": {"callback": [callback]}}))
    run = ganzoo.run(
        recipe,
        dataset,
        generator=f"{__name__}:{generator}",
        out=out,
        config=config,
        steps=steps,
        batch=20,
        device="cpu",
        listeners=[small.listen("warning", lambda message: said.append(message))],
    )
    return Training(run, said)


def go_on(out, steps):
    """Resume such a run."""
    said: list[str] = []
    typed = {"generator": f"{__name__}:Same", "dataset": DATASET}
    listeners = [small.listen("warning", lambda message: said.append(message))]
    return Training(ganzoo.resume(out, steps=steps, typed=typed, listeners=listeners), said)


@pytest.mark.parametrize(("recipe", "generator"), [("vanilla", "Same"), ("cgan", "SamePerLabel")])
def test_a_collapsed_generator_is_said_once(tmp_path, recipe, generator):
    done = train(tmp_path / "run", 20, generator, recipe)
    (message,) = done.said
    assert message.startswith("step 8: for 6 steps the generator has made nearly the same sample")
    rate = done.run.recipe.g_optimizer.options["lr"]
    assert f"--set g_optimizer.lr={rate / 4:g}" in message
    assert (done.run.directory / "warnings.txt").read_text() == message + "\n"


class Narrow(Same):
    """Makes nearly the same picture from all noise."""

    def forward(self, z):
        return (super().forward(z) + 0.15 * z[:, :1, None, None].clamp(-1, 1)).clamp(-1, 1)


def test_samples_that_are_much_alike_are_given_more_time(tmp_path):
    (message,) = train(tmp_path / "run", 30, "Narrow").said
    assert message.startswith("step 20: for 18 steps the generator's samples have been much more alike")


class Opposite(torch.nn.Module):
    """Makes points at two opposite places of the ring."""

    def __init__(self, spec, latent):
        super().__init__()
        self.place = torch.nn.Parameter(torch.tensor([1.0, 0.0]))

    def forward(self, z):
        return z[:, :1].sign() * self.place + 0.01 * z[:, :2]


def test_a_generator_that_leaves_most_clusters_out_is_noticed(tmp_path):
    (message,) = train(tmp_path / "run", 30, "Opposite", dataset="ring").said
    assert message.startswith("step 20: for 18 steps many real samples have had no generated one near them")


@pytest.mark.parametrize("stop", [3, 8, 9])
def test_a_resumed_run_warns_when_it_would_have_and_not_again(tmp_path, stop):
    whole = train(tmp_path / "whole", 12)
    first, second = train(tmp_path / "run", stop), go_on(tmp_path / "run", 12)
    assert first.said + second.said == whole.said
    assert len(whole.said) == 1
    for name in ("warnings.txt", "metrics.jsonl"):
        assert (tmp_path / "run" / name).read_bytes() == (tmp_path / "whole" / name).read_bytes()


def test_a_warning_that_came_after_the_checkpoint_is_taken_back_and_comes_again(tmp_path):
    run = train(tmp_path / "run", 7).run
    (run.directory / "warnings.txt").write_text("step 8: what a killed run has seen and not saved\n")
    said = go_on(run.directory, 12).said
    assert (run.directory / "warnings.txt").read_text() == said[0] + "\n"


def test_a_healthy_run_says_nothing_and_watching_changes_no_weight(tmp_path):
    watched = small.train(
        tmp_path / "a", "health", patience_steps=2, every_steps=1, length={"steps": 12}
    ).directory
    alone = small.train(tmp_path / "b", length={"steps": 12}).directory
    assert not (watched / "warnings.txt").exists()
    for name in ("generator.safetensors", "metrics.jsonl"):
        assert (watched / name).read_bytes() == (alone / name).read_bytes()


def test_every_recipe_is_watched_unless_it_says_otherwise():
    part = Part("x")
    plain = Recipe(generator=part, discriminator=part, loss=part, d_optimizer=part, g_optimizer=part, steps=1)
    assert plain.callback == (Part("health"),)
    for component in registry.components("recipes"):
        assert not component.is_builtin or Part("health") in component.load().callback
