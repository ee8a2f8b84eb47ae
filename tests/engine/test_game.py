"""The standard game: whose weights learn, what the turns share, what is reported."""

import math

import pytest
import torch
from torch import Tensor, nn

from ganzoo.engine.calls import mixes_samples
from ganzoo.engine.game import Batch, StandardGame, Turn, play_step, play_turn
from ganzoo.engine.parts import Parts
from ganzoo.engine.seeds import reseed
from ganzoo.errors import MisfitError
from ganzoo.layers import Dropout
from ganzoo.losses import LeastSquares
from ganzoo.recipe import Part
from ganzoo.spec import DataSpec

from .small import ready, same, weights

POINTS = DataSpec((2,), None, None, 8)
PICTURES = Part("standin:pictures", side=8, channels=1)


def batch_of(run) -> Batch:
    reseed(1, run.device)
    return Batch(*run.feed.batch(0))


@pytest.mark.parametrize("loss", ["bce", "relativistic", "wasserstein"])
@pytest.mark.parametrize("first", ["discriminator", "generator"])
@pytest.mark.parametrize("share", ["nothing", "noise", "fakes"])
def test_a_turn_moves_its_own_player_only(tmp_path, share, first, loss):
    run = ready(tmp_path, game=Part("standard", share=share, first=first), loss=Part(loss))
    batch = batch_of(run)
    for turn in run.game.turns:
        before = weights(run)
        play_turn(turn, batch)
        moved = {
            name.partition(".")[0] for name, value in weights(run).items() if (value != before[name]).any()
        }
        assert moved == {{"d": "discriminator", "g": "generator"}[turn.name]}
    theirs = [p for turn in run.game.turns for p in turn.parameters]
    assert (
        len(theirs)
        == len({id(p) for p in theirs})
        == sum(len(list(n.parameters())) for n in run.game.players.values())
    )


@pytest.mark.parametrize("share", ["nothing", "noise", "fakes"])
@pytest.mark.parametrize("penalty", ["r1", "wgan-gp"])
def test_no_gradient_flows_into_the_other_player(tmp_path, share, penalty):
    run = ready(tmp_path, game=Part("standard", share=share), penalty=(Part(penalty),))
    d_turn, g_turn = run.game.turns
    batch = batch_of(run)
    play_turn(d_turn, batch)
    assert all(p.grad is None for p in run.game.generator.parameters())
    kept = [p.grad.clone() for p in run.game.discriminator.parameters()]
    play_turn(g_turn, batch)
    for parameter, gradient in zip(run.game.discriminator.parameters(), kept, strict=True):
        assert torch.equal(parameter.grad, gradient)


def test_a_gradient_is_that_of_this_turn_alone(tmp_path):
    run = ready(tmp_path, d_optimizer=Part("sgd", lr=1e-30), g_optimizer=Part("sgd", lr=1e-30))
    found = []
    for _ in range(2):
        play_step(run.game, batch_of(run), 0)
        found.append([p.grad.clone() for n in run.game.players.values() for p in n.parameters()])
    assert all(torch.equal(a, b) for a, b in zip(*found, strict=True))


def test_a_transposed_gradient_moves_the_right_weights(tmp_path):
    """As convolutions under a gradient penalty give; a fused optimizer would read it in the wrong order."""
    weight = torch.nn.Parameter(torch.zeros(2, 3))
    slope = torch.tensor([[1.0, -1], [-1, 1], [1, 1]])
    optimizer = torch.optim.AdamW([weight], lr=0.1, weight_decay=0.0, fused=True)
    turn = Turn("d", [weight], optimizer, lambda *_: 1.0, lambda batch: ((weight.t() * slope).sum(), {}))
    play_turn(turn, batch_of(ready(tmp_path)))
    torch.testing.assert_close(weight.detach(), -0.1 * slope.t(), rtol=1e-6, atol=1e-6)


@pytest.mark.parametrize("first", ["discriminator", "generator"])
def test_who_moves_first(tmp_path, first):
    run = ready(tmp_path, game=Part("standard", first=first))
    assert [turn.name for turn in run.game.turns] == (["d", "g"] if first == "discriminator" else ["g", "d"])


def hear(run, player: str) -> list:
    """What goes through a player in one step."""
    network, heard = run.game.players[player], []

    def note(module, inputs, output):
        heard.append((inputs[0].detach().clone(), output.detach().clone(), module.training))

    handle = network.register_forward_hook(note)
    play_step(run.game, batch_of(run), 0)
    handle.remove()
    return heard


@pytest.mark.parametrize("first", ["discriminator", "generator"])
def test_sharing_nothing_draws_noise_for_each_turn(tmp_path, first):
    run = ready(tmp_path, game=Part("standard", share="nothing", first=first))
    (a, _, _), (b, _, _) = hear(run, "generator")
    assert a.shape == b.shape == (4, 3)
    assert not torch.equal(a, b)


@pytest.mark.parametrize("first", ["discriminator", "generator"])
def test_sharing_noise_gives_both_turns_what_the_generator_of_that_moment_makes_of_it(tmp_path, first):
    """Also where the fakes of the first turn would do for the second."""
    run = ready(tmp_path, game=Part("standard", share="noise", first=first), g_optimizer=Part("sgd", lr=1.0))
    before = [p.clone() for p in run.game.generator.parameters()]
    reseed(1, run.device)
    z = torch.randn(4, 3)
    seen = [x for x, _, _ in hear(run, "discriminator")]
    after = [p.detach().clone() for p in run.game.generator.parameters()]
    old, new = (fakes_of(run, z, values) for values in (before, after))
    assert not torch.equal(old, new)
    d_sees = seen[0] if first == "discriminator" else seen[1]
    torch.testing.assert_close(d_sees[4:], old if first == "discriminator" else new)
    g_sees = seen[1] if first == "discriminator" else seen[0]
    torch.testing.assert_close(g_sees, old)


def fakes_of(run, z, values):
    with torch.no_grad():
        for parameter, value in zip(run.game.generator.parameters(), values, strict=True):
            parameter.copy_(value)
        return run.game.generator(z)


def test_sharing_noise_keeps_dropout_fresh(tmp_path):
    run = ready(
        tmp_path,
        generator=Part("vanilla", dropout=0.5),
        game=Part("standard", share="noise"),
        g_schedule=Part("constant"),
    )
    (a, x, _), (b, y, _) = hear(run, "generator")
    assert torch.equal(a, b)
    assert not torch.equal(x, y)


@pytest.mark.parametrize("first", ["discriminator", "generator"])
def test_sharing_fakes_makes_them_once(tmp_path, first):
    run = ready(tmp_path, game=Part("standard", share="fakes", first=first))
    assert len(hear(run, "generator")) == 1


@pytest.mark.parametrize("share", ["nothing", "noise"])
def test_fakes_for_d_can_use_running_statistics(tmp_path, share):
    run = ready(
        tmp_path,
        generator=Part("vanilla-bn"),
        game=Part("standard", share=share, d_turn_generator="eval"),
    )
    assert [training for *_, training in hear(run, "generator")] == [False, True]
    assert run.game.generator.training


def test_the_generator_moves_once_in_so_many_steps(tmp_path):
    run = ready(
        tmp_path,
        game=Part("standard", g_every=3),
        record_every_steps=1,
        dataset=Part("standin:points", size=40),
    )
    moves = []
    for _ in range(7):
        before = weights(run)
        run.play()
        moved = {
            name.partition(".")[0] for name, value in weights(run).items() if (value != before[name]).any()
        }
        moves.append("generator" in moved)
        assert "discriminator" in moved
    assert moves == [False, False, True, False, False, True, False]
    assert ["g_loss" in record for record in run.metrics.read()] == moves


def test_penalties_are_added_to_d_s_loss(tmp_path):
    losses = []
    for penalty in ((), (Part("r1", gamma=2.0),), (Part("r1", gamma=2.0), Part("r2", gamma=4.0))):
        run = ready(tmp_path, penalty=penalty, precision="float64")
        reseed(1, run.device)
        losses.append(run.game.turns[0].loss(Batch(*run.feed.batch(0)))[0].item())
    run = ready(tmp_path, precision="float64")
    real, _ = run.feed.batch(0)
    reseed(1, run.device)
    fake = run.game.generator(torch.randn(4, 3, dtype=torch.float64)).detach()
    expected = [
        0.0,
        squared_gradient(run, real),
        squared_gradient(run, real) + 2 * squared_gradient(run, fake),
    ]
    assert [loss - losses[0] for loss in losses] == pytest.approx(expected, rel=1e-9)


def squared_gradient(run, x):
    x = x.clone().requires_grad_()
    (gradient,) = torch.autograd.grad(run.game.discriminator(x).sum(), x)
    return gradient.square().sum(1).mean().item()


# Whether samples are mixed ---------------------------------------------------------------------------------


class Deviation(nn.Module):
    """Scores that depend on the spread of the batch."""

    def __init__(self) -> None:
        super().__init__()
        self.linear = nn.Linear(2, 1)

    def forward(self, x):
        return self.linear(x).squeeze(1) + x.std()


@pytest.mark.parametrize(
    ("network", "mixes"),
    [
        (nn.Sequential(nn.Linear(2, 8), nn.LeakyReLU(0.2), nn.Linear(8, 1), nn.Flatten(0)), False),
        (nn.Sequential(nn.Linear(2, 8), Dropout(0.5), nn.Linear(8, 1), nn.Flatten(0)), False),
        (nn.Sequential(nn.Linear(2, 8), nn.Dropout(0.5), nn.Linear(8, 1), nn.Flatten(0)), False),
        (nn.Sequential(nn.Linear(2, 8), nn.LayerNorm(8), nn.Linear(8, 1), nn.Flatten(0)), False),
        (nn.Sequential(nn.Linear(2, 8), nn.BatchNorm1d(8), nn.Linear(8, 1), nn.Flatten(0)), True),
        (Deviation(), True),
    ],
    ids=["plain", "dropout", "torch dropout", "layer norm", "batch norm", "deviation"],
)
def test_mixing_is_noticed(network, mixes):
    before = {name: value.clone() for name, value in network.state_dict().items()}
    state = torch.get_rng_state()
    assert mixes_samples(network, POINTS) == mixes
    assert torch.equal(torch.get_rng_state(), state)
    assert same(dict(network.state_dict()), before)
    assert network.training


@pytest.mark.parametrize(
    "discriminator", ["vanilla", "vanilla-bn", "fashion", "gaussian", "dcgan", "engine.broken:Patches"]
)
def test_one_pass_over_both_sides_gives_what_two_passes_give(tmp_path, discriminator):
    options = {"dropout": 0.0} if discriminator == "vanilla" else {}
    run = ready(tmp_path, discriminator=Part(discriminator, **options), dataset=PICTURES, precision="float64")
    real, fake = torch.randn(2, 4, 1, 8, 8, dtype=torch.float64)
    assert len(hear_calls(run, real, fake)) == 1
    together = run.game.contest.judge_both(real, fake, None)
    for scores, samples in zip(together, (real, fake), strict=True):
        torch.testing.assert_close(scores, run.game.score(samples, None), rtol=1e-12, atol=1e-12)


def test_sides_are_kept_apart_where_samples_mix(tmp_path):
    run = ready(tmp_path, discriminator=Part("engine.broken:Mixing"), precision="float64")
    real, fake = torch.randn(2, 4, 2, dtype=torch.float64)
    assert [len(x) for x in hear_calls(run, real, fake)] == [4, 4]
    scores = run.game.contest.judge_both(real, 100 * fake, None)[0]
    assert torch.equal(scores, run.game.score(real, None))


def hear_calls(run, real, fake):
    heard = []
    handle = run.game.discriminator.register_forward_hook(lambda m, inputs, y: heard.append(inputs[0]))
    run.game.contest.judge_both(real, fake, None)
    handle.remove()
    return heard


def test_labels_reach_both_sides(tmp_path):
    run = ready(
        tmp_path,
        generator=Part("cgan"),
        discriminator=Part("cgan", dropout=0.0),
        dataset=Part("standin:points", classes=3),
        precision="float64",
    )
    real, fake = torch.randn(2, 4, 2, dtype=torch.float64)
    labels = torch.tensor([0, 1, 2, 1])
    for scores, samples in zip(run.game.contest.judge_both(real, fake, labels), (real, fake), strict=True):
        torch.testing.assert_close(scores, run.game.score(samples, labels), rtol=1e-12, atol=1e-12)
    assert not torch.allclose(run.game.score(real, labels), run.game.score(real, (labels + 1) % 3))


# What is reported ------------------------------------------------------------------------------------------


def stats(real, fake, again):
    return {
        "d/loss": torch.tensor([1.0, 2.0]),
        "g/loss": torch.tensor([3.0]),
        "d/real_scores": torch.tensor(real),
        "d/fake_scores": torch.tensor(fake),
        "g/fake_scores": torch.tensor(again),
    }


def test_probabilities_and_accuracies_are_reported_where_scores_are_log_odds(tmp_path):
    odds = math.log(3)  # a probability of 3/4
    numbers = ready(tmp_path).game.summary(stats([odds, -odds], [-odds, -odds], [odds, odds, -odds, -odds]))
    assert {name: value.item() for name, value in numbers.items()} == pytest.approx(
        {"d_loss": 1.5, "g_loss": 3.0, "d_real": 0.5, "d_fake": 0.25, "d_accuracy": 0.75, "g_accuracy": 0.5}
    )


def test_mean_scores_are_reported_where_they_are_not(tmp_path):
    numbers = ready(tmp_path, loss=Part("hinge")).game.summary(stats([4.0, 2.0], [-1.0, 1.0], [0.0]))
    assert {name: value.item() for name, value in numbers.items()} == pytest.approx(
        {"d_loss": 1.5, "g_loss": 3.0, "real_score": 3.0, "fake_score": 0.0}
    )


def test_weights_that_do_not_learn_stay_as_they_are(tmp_path):
    run = ready(tmp_path, generator=Part("engine.broken:Frozen"))
    before = weights(run)
    run.play()
    assert run.game.generator.scale.item() == 0.5
    assert not same(weights(run), before)


def test_shared_fakes_cannot_use_running_statistics_too(tmp_path):
    with pytest.raises(MisfitError, match=r"game standard .*share=fakes.*d_turn_generator=eval"):
        ready(tmp_path, game=Part("standard", share="fakes", d_turn_generator="eval"))


class Counting(LeastSquares):
    """A loss that reports how many scores it was told."""

    def report(self, real: Tensor, fake: Tensor) -> dict[str, Tensor]:
        return {"told": torch.tensor(float(len(real) + len(fake)))}


def test_a_loss_may_report_numbers_of_its_own(tmp_path):
    run = ready(tmp_path, loss=Part("engine.test_game:Counting"), record_every_steps=3)
    for _ in range(3):
        run.play()
    record = run.metrics.read()[-1]
    assert record["told"] == 3 * 2 * 4  # both kinds of scores of three batches of four
    assert "real_score" in record


class Quick(StandardGame):
    """A game whose generator learns at a rate of its own."""

    def __init__(self, parts: Parts) -> None:
        super().__init__(parts)
        self.turns = (self.turns[0], parts.turn("quick", [self.generator], self.g_loss, lr=0.25))

    def summary(self, stats):
        return {"loss": stats["d/loss"].mean()}


def test_a_turn_may_have_a_learning_rate_of_its_own(tmp_path):
    run = ready(tmp_path, game=Part("engine.test_game:Quick"))
    d_turn, quick = run.game.turns
    assert quick.optimizer.param_groups[0]["lr"] == 0.25
    assert quick.optimizer.param_groups[0]["betas"] == d_turn.optimizer.param_groups[0]["betas"]
    assert d_turn.optimizer.param_groups[0]["lr"] == run.recipe.d_optimizer.options["lr"]


def test_a_batch_knows_where_its_samples_are(tmp_path):
    run = ready(tmp_path)
    run.play()
    samples = run.samples("train")
    assert torch.equal(samples.values[run.batch.indices], run.batch.real)


@pytest.mark.parametrize("step", range(4))
def test_lazy_penalties_count_in_the_last_of_so_many_steps_and_so_many_times(tmp_path, step):
    penalty = (Part("r1", gamma=2.0), Part("r2", gamma=3.0))
    plain, always, lazy = (
        ready(tmp_path, precision="float64", penalty=given, game=Part("standard", penalty_every=every))
        for given, every in (((), 1), (penalty, 1), (penalty, 2))
    )
    without, whole, found = (d_loss_at(run, step) for run in (plain, always, lazy))
    assert whole > without
    expected = without + 2 * (whole - without) if step in (1, 3) else without
    torch.testing.assert_close(found, expected)


def d_loss_at(run, step: int) -> Tensor:
    real, labels = run.feed.batch(0)
    reseed(1, run.device)
    return run.game.d_loss(Batch(real, labels, step=step))[0]


def test_a_game_is_told_the_step(tmp_path):
    run = ready(tmp_path, game=Part("standard", penalty_every=2), penalty=(Part("r1"),))
    seen = []
    for _ in range(3):
        run.play()
        seen.append(run.batch.step)
    assert seen == [0, 1, 2]
