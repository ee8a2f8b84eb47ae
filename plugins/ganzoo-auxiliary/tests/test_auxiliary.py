"""The four against straight-line loops, themselves on two ranks, and what they refuse."""

from pathlib import Path

import pytest
import torch
from ganzoo_auxiliary.sgan import labelled_rows
from torch import Tensor, log

from ganzoo.callbacks._common import fakes_like
from ganzoo.callbacks.health import Health
from ganzoo.callbacks.samples import Samples
from ganzoo.engine import directory, loop
from ganzoo.engine.run import Run
from ganzoo.errors import MisfitError
from ganzoo.recipe import Part, Recipe
from ganzoo.testing import contract, contract_of
from ganzoo.testing.straight_line import (
    PICTURES,
    Adam,
    assert_numbers,
    assert_ranks_agree,
    beside,
    seed_step,
    small,
)
from ganzoo.testing.straight_line import ready as begin

NARROW = {"generator__width": 2, "discriminator__width": 2}
PLAIN = {**NARROW, "discriminator__dropout": 0}


@pytest.mark.parametrize(*contract_of("ganzoo-auxiliary"))
def test_contract(kind, name, check):
    contract(kind, name, check)


def ready(recipe: Recipe, folder: Path) -> Run:
    return begin(recipe, PICTURES, folder)


def noise(count: int = 6, latent: int = 5) -> Tensor:
    return torch.randn(count, latent, dtype=torch.float64)


def cross_entropy(logits: Tensor, labels: Tensor) -> Tensor:
    """-log of the probability of each label, (N,)."""
    powers = logits.exp()
    return -log(torch.stack([row[label] / row.sum() for row, label in zip(powers, labels, strict=True)]))


def bce(real: Tensor, fake: Tensor) -> Tensor:
    return -log(real.sigmoid()).mean() - log(1 - fake.sigmoid()).mean()


@pytest.mark.parametrize("script", [False, True])
def test_two_steps_of_acgan_equal_a_straight_line_loop(tmp_path, script):
    changes = (
        {"game__softmax_twice": True, "game__class_of": "real", "game__class_weight": 0.5} if script else {}
    )
    run = ready(small("acgan", **PLAIN, **changes), tmp_path)
    weight = 0.5 if script else 1.0
    with beside(run) as copies:
        g, d, c = (copies[name] for name in ("generator", "discriminator", "classifier"))
        d_adam = Adam([*d.parameters(), *c.parameters()], 2e-4, 0.5, 0.999)
        g_adam = Adam(g.parameters(), 2e-4, 0.5, 0.999)

        def examine(x: Tensor) -> tuple[Tensor, Tensor]:
            features = d.layers(x).flatten(1)
            logits = c(features)
            if script:
                logits = logits.exp() / logits.exp().sum(1, keepdim=True)
            return d.score(features)[:, 0], logits

        for step in range(2):
            real, labels = run.feed.batch(step)
            seed_step(step)
            z, wanted = noise(), torch.randint(10, (6,))
            fake = g(z, wanted).detach()
            (s_real, c_real), (s_fake, c_fake) = examine(real), examine(fake)
            terms = cross_entropy(c_real, labels).mean()
            terms = terms if script else terms + cross_entropy(c_fake, wanted).mean()
            d_loss = bce(s_real, s_fake) + weight * terms
            d_adam.minimise(d_loss)
            z, wanted = noise(), torch.randint(10, (6,))
            scores, logits = examine(g(z, wanted))
            g_loss = -log(scores.sigmoid()).mean() + weight * cross_entropy(logits, wanted).mean()
            g_adam.minimise(g_loss)
            run.play()
            right = (c_real.argmax(1) == labels).double().mean()
            assert_numbers(run, {"d_loss": d_loss, "g_loss": g_loss, "real_class": right})


@pytest.mark.parametrize("fake_output", [False, True])
def test_two_steps_of_sgan_equal_a_straight_line_loop(tmp_path, fake_output):
    changes = {"game__labelled": 9, "discriminator__fake_output": fake_output}
    run = ready(small("sgan", **PLAIN, **changes), tmp_path)
    known = labelled_rows(24, 9, 7)
    with beside(run) as copies:
        g, d = copies["generator"], copies["discriminator"]
        d_adam, g_adam = Adam(d.parameters(), 2e-4, 0.5, 0.999), Adam(g.parameters(), 2e-4, 0.5, 0.999)

        def probabilities(x: Tensor) -> Tensor:
            """Of the ten classes and of fakes, (N, 11)."""
            outputs = d.outputs(d.layers(x).flatten(1))
            outputs = outputs if fake_output else torch.cat((outputs, torch.zeros(len(x), 1)), 1)
            return outputs.exp() / outputs.exp().sum(1, keepdim=True)

        for step in range(2):
            (real, labels), rows = run.feed.batch(step), run.feed.indices(step)
            seed_step(step)
            p_real, p_fake = probabilities(real), probabilities(g(noise()).detach())
            d_loss = -log(1 - p_real[:, 10]).mean() - log(p_fake[:, 10]).mean()
            # What the class adds where it is known: -log P(class, real) is -log P(real) and this.
            told = [
                -log(p[y] / (1 - p[10])) for p, y, r in zip(p_real, labels, rows, strict=True) if known[r]
            ]
            d_loss = d_loss + torch.stack(told).mean() if told else d_loss
            d_adam.minimise(d_loss)
            g_loss = -log(1 - probabilities(g(noise()))[:, 10]).mean()
            g_adam.minimise(g_loss)
            run.play()
            assert_numbers(run, {"d_loss": d_loss, "g_loss": g_loss})


@pytest.mark.parametrize("deviation", ["fitted", "fixed"])
def test_two_steps_of_infogan_equal_a_straight_line_loop(tmp_path, deviation):
    changes = {"game__categories": 4, "game__deviation": deviation, "game__info_lr": 5e-4}
    run = ready(small("infogan", **NARROW, **changes, discriminator__feature_count=8), tmp_path)
    with beside(run) as copies:
        g, d, q = (copies[name] for name in ("generator", "discriminator", "recogniser"))
        d_adam, g_adam = Adam(d.parameters(), 2e-4, 0.5, 0.999), Adam(g.parameters(), 1e-3, 0.5, 0.999)
        everyone = [
            p for name in ("generator", "discriminator", "recogniser") for p in copies[name].parameters()
        ]
        info_adam = Adam(everyone, 5e-4, 0.5, 0.999)

        def draw() -> tuple[Tensor, Tensor]:
            return torch.empty(6, 5, dtype=torch.float64).uniform_(-1, 1), torch.randint(4, (6,))

        def features(x: Tensor) -> Tensor:
            return d.rectify(d.wide(d.layers(x).flatten(1)))

        for step in range(2):
            real, _ = run.feed.batch(step)
            seed_step(step)
            fake = g(*draw()).detach()
            d_loss = bce(d.score(features(real))[:, 0], d.score(features(fake))[:, 0])
            d_adam.minimise(d_loss)
            g_loss = -log(d.score(features(g(*draw())))[:, 0].sigmoid()).mean()
            g_adam.minimise(g_loss)
            z, category = draw()
            out = q.layers(features(g(z, category)))
            codes, mean, log_deviation = z[:, 3:], out[:, 4:6], out[:, 6:]
            s = log_deviation.exp() + 1e-3
            fitted = ((codes - mean) ** 2 / (2 * s**2) + log(s)).sum(1).mean()
            continuous = fitted if deviation == "fitted" else ((codes - mean) ** 2).mean()
            info_loss = cross_entropy(out[:, :4], category).mean() + 0.1 * continuous
            info_adam.minimise(info_loss)
            run.play()
            assert_numbers(run, {"d_loss": d_loss, "g_loss": g_loss, "info_loss": info_loss})


def test_two_steps_of_clustergan_equal_a_straight_line_loop(tmp_path):
    changes = {"game__g_every": 1, "game__clusters": 3, "game__encoder_width": 2}
    recipe = small("clustergan", **NARROW, **changes).with_part("penalty", ())
    run = ready(recipe, tmp_path)
    with beside(run) as copies:
        g, d, e = (copies[name] for name in ("generator", "discriminator", "encoder"))
        d_adam = Adam(d.parameters(), 1e-4, 0.5, 0.9)
        g_adam = Adam([*g.parameters(), *e.parameters()], 1e-4, 0.5, 0.9)
        for step in range(2):
            real, _ = run.feed.batch(step)
            seed_step(step)
            fake = g(noise(), torch.randint(3, (6,))).detach()
            d_loss = d(fake).mean() - d(real).mean()
            d_adam.minimise(d_loss)
            z, cluster = noise(), torch.randint(3, (6,))
            fake = g(z, cluster)
            out = e.layers(fake)
            error = ((0.1 * out[:, :5] - 0.1 * z) ** 2).mean()  # as G sees the noise
            g_loss = -d(fake).mean() + 10 * error + 10 * cross_entropy(out[:, 5:], cluster).mean()
            g_adam.minimise(g_loss)
            run.play()
            assert_numbers(run, {"d_loss": d_loss, "g_loss": g_loss})


def test_faint_noise_and_a_cluster(tmp_path):
    run = ready(small("clustergan", **NARROW), tmp_path)
    g, z = run.game.generator.eval(), noise(2)
    row = torch.cat((0.1 * z, torch.eye(10, dtype=torch.float64)[[3, 7]]), 1)
    by_hand = g.layers(g.project(row).view(-1, *g.start))
    assert torch.equal(g(z, torch.tensor([3, 7])), by_hand)


def test_labelled_samples_are_a_function_of_the_seed():
    rows = labelled_rows(1000, 100, 3)
    assert rows.sum() == 100
    assert torch.equal(rows, labelled_rows(1000, 100, 3))
    assert not torch.equal(rows, labelled_rows(1000, 100, 4))
    more = labelled_rows(1000, 101, 3)  # one more label takes none away
    assert (rows & more).sum() == 100


def test_hidden_labels_change_nothing(tmp_path):
    def weights(shift: int) -> dict[str, Tensor]:
        run = ready(small("sgan", **PLAIN, game__labelled=9), tmp_path)
        hidden = ~labelled_rows(24, 9, 7)
        run.feed.labels[hidden] = (run.feed.labels[hidden] + shift) % 10
        run.play()
        run.play()
        return run.game.discriminator.state_dict()

    plain, shifted = weights(0), weights(1)
    assert all(torch.equal(value, shifted[name]) for name, value in plain.items())


def test_infogan_is_asked_for_categories_whatever_the_data_have(tmp_path):
    run = ready(small("infogan", **NARROW, game__categories=4), tmp_path)
    assert run.game.spec.classes == 4
    assert run.generate(4, [3, 3, 0, 1]).shape == (4, 1, 8, 8)
    with pytest.raises(Exception, match="whole numbers from 0 to 3"):
        run.generate(1, [4])


def test_callbacks_ask_for_categories_and_not_for_labels_of_the_data(tmp_path):
    run = ready(small("infogan", **NARROW, game__categories=4), tmp_path / "run")
    for callback in (Health(every_steps=1), Samples(every_steps=1, count=16)):
        run.hooks.register(callback)
    directory.create(run.directory, "infogan", run.recipe, run.settings.to_table(), {})
    loop.train(run)
    assert (tmp_path / "run" / "samples" / "000.png").exists()
    assert torch.equal(fakes_like(run, torch.full((4,), 9), 4), run.generate(4))


@pytest.mark.parametrize(
    ("recipe", "role", "part", "message"),
    [
        ("acgan", "discriminator", Part("dcgan"), "game auxiliary needs a discriminator with features"),
        ("infogan", "discriminator", Part("dcgan"), "game information needs a discriminator with features"),
        (
            "sgan",
            "discriminator",
            Part("dcgan"),
            "game semi-supervised needs a discriminator with class logits",
        ),
        ("acgan", "generator", Part("dcgan"), "game auxiliary asks for classes and generator dcgan takes no"),
        ("clustergan", "generator", Part("dcgan"), "game clustering asks for classes"),
        ("sgan", "game", Part("semi-supervised", labelled=25), "game.labelled is 25 and the data are 24"),
        ("infogan", "game", Part("information", continuous=6), "game.continuous is 6 and latent 5"),
    ],
)
def test_what_does_not_fit_is_refused(tmp_path, recipe, role, part, message):
    with pytest.raises(MisfitError, match=message):
        ready(small(recipe).with_part(role, part), tmp_path)


@pytest.mark.parametrize("name", ["acgan", "infogan", "sgan", "clustergan"])
def test_each_discriminator_plays_the_standard_game(tmp_path, name):
    recipe = small("dcgan", generator__width=2).with_part("discriminator", Part(name, width=2))
    run = ready(recipe, tmp_path)
    run.play()
    assert run.step == 1


@pytest.mark.parametrize("name", ["acgan", "infogan", "sgan", "clustergan"])
def test_a_loss_of_g_may_look_at_real_scores(tmp_path, name):
    recipe = small(name, **NARROW).with_part("loss", Part("relativistic", form="average"))
    run = ready(recipe, tmp_path)
    for _ in range(5):  # clustergan's generator moves in the fifth
        run.play()
    fake = run.batch.shared["fakes"]
    assert fake.requires_grad


def test_two_ranks_equal_one(tmp_path):
    recipes = {
        "acgan": small("acgan", **PLAIN, batch=7),
        "sgan": small("sgan", **PLAIN, batch=7, game__labelled=9),
        "infogan": small("infogan", **NARROW, batch=7),
        # Each rank draws the points of a penalty for its own rows.
        "clustergan": small("clustergan", **NARROW, batch=7, game__g_every=1).with_part("penalty", ()),
    }
    assert_ranks_agree(tmp_path, recipes)
