"""Precision: bfloat16 computes in networks only; weights, losses and penalties stay in float32."""

import pytest
import torch

from ganzoo.recipe import Part

from .small import ready, weights

PICTURES = Part("standin:pictures", side=8, channels=1)


@pytest.mark.parametrize(("precision", "dtype"), [("float32", torch.float32), ("float64", torch.float64)])
def test_weights_batches_and_fakes_have_the_dtype(tmp_path, precision, dtype):
    run = ready(tmp_path, precision=precision, dataset=PICTURES, generator=Part("vanilla-bn"))
    run.play()
    assert run.feed.batch(0)[0].dtype == dtype
    assert {value.dtype for value in weights(run).values() if value.is_floating_point()} == {dtype}


@pytest.mark.parametrize("generator", ["vanilla", "vanilla-bn", "dcgan", "fashion", "gaussian"])
@pytest.mark.parametrize("discriminator", ["vanilla", "vanilla-bn", "dcgan", "fashion", "gaussian"])
def test_bfloat16_trains_with_float32_weights(tmp_path, generator, discriminator):
    run = ready(
        tmp_path,
        precision="bfloat16",
        dataset=PICTURES,
        generator=Part(generator),
        discriminator=Part(discriminator),
        penalty=(Part("r1"),),
        record_every_steps=1,
    )
    for _ in range(2):
        run.play()
    assert {value.dtype for value in weights(run).values() if value.is_floating_point()} == {torch.float32}
    assert all(value.isfinite().all() for value in weights(run).values())
    for turn in run.game.turns:
        assert {v.dtype for s in turn.optimizer.state.values() for v in s.values()} == {torch.float32}


def test_bfloat16_computes_in_bfloat16(tmp_path):
    run = ready(tmp_path, precision="bfloat16", dataset=PICTURES)
    seen = []
    for network in run.game.players.values():
        network.layers[2].register_forward_hook(lambda module, inputs, output: seen.append(output.dtype))
    run.play()
    assert set(seen) == {torch.bfloat16}


def test_losses_and_penalties_are_computed_in_float32(tmp_path):
    run = ready(tmp_path, precision="bfloat16", dataset=PICTURES, penalty=(Part("r1"),))
    seen = []
    loss, penalty = run.game.contest.loss.discriminator, run.game.contest.penalties[0]

    def listen(real, fake):
        seen.extend((real.dtype, fake.dtype))
        return loss(real, fake)

    def watch(real, fake, labels):
        value = penalty(real, fake, labels)
        seen.extend((real.dtype, fake.dtype, value.dtype))
        return value

    run.game.contest.loss.discriminator, run.game.contest.penalties[0] = listen, watch
    run.play()
    assert set(seen) == {torch.float32}


def test_float64_and_float32_start_from_the_same_weights(tmp_path):
    single, double = (weights(ready(tmp_path, precision=precision)) for precision in ("float32", "float64"))
    assert all(torch.equal(value, double[name].to(value.dtype)) for name, value in single.items())


@pytest.mark.parametrize("precision", ["float32", "float64"])
def test_data_stored_as_floats_train_in_any_precision(tmp_path, precision):
    run = ready(tmp_path, precision=precision, dataset=Part("standin:shares"))
    run.play()
    real, _ = run.real(5)
    assert real.dtype == {"float32": torch.float32, "float64": torch.float64}[precision]
    assert -1 <= real.min() < -0.5
