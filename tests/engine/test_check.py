"""Parts are checked on two samples before data are loaded: what is refused, with which code and words."""

import re

import pytest
import torch
from torch import nn

from ganzoo.engine.build import build
from ganzoo.errors import DataError, MisfitError, PluginError
from ganzoo.recipe import Part
from ganzoo.settings import Settings

from .small import ready, same, small_recipe, weights

PICTURES = Part("standin:pictures", side=8, channels=1)


def broken(name: str) -> Part:
    return Part(f"engine.broken:{name}")


def refusal(tmp_path, kind, **changes) -> str:
    """The message that a recipe is refused with; at most three lines, and nothing is written."""
    with pytest.raises(kind) as caught:
        ready(tmp_path, **changes)
    assert type(caught.value) is kind
    assert str(caught.value).count("\n") <= 2
    assert list(tmp_path.iterdir()) == []
    return str(caught.value)


@pytest.mark.parametrize(
    ("name", "expected", "got"),
    [
        ("Flat", "(2, 1x8x8)", "(2, 64)"),
        ("Grown", "(2, 1x8x8)", "(4, 1, 8, 8)"),
        ("Whole", "floating point", "torch.int64"),
        ("Loud", "[-1, 1]", "values in ["),
        ("NotANumber", "finite", "NaN"),
        ("Pair", "a tensor", "tuple"),
        ("Raises", "KeyError: 'colour'", "broken.py:"),
    ],
)
def test_a_generator_that_breaks_its_promise(tmp_path, name, expected, got):
    message = refusal(tmp_path, PluginError, generator=broken(name), dataset=PICTURES)
    assert PluginError.exit_code == 5
    for words in (f"generator engine.broken:{name}", expected, got):
        assert words in message


def test_a_generator_of_another_shape_does_not_fit_the_data(tmp_path):
    message = refusal(tmp_path, MisfitError, generator=broken("Coarse"), dataset=PICTURES)
    assert MisfitError.exit_code == 2
    assert "generator engine.broken:Coarse makes 1x4x4, data is 1x8x8" in message


def test_a_generator_out_of_range_is_fine_where_values_are_unbounded(tmp_path):
    ready(tmp_path, generator=broken("Loud")).play()


@pytest.mark.parametrize(
    ("name", "expected", "got"),
    [
        ("Sigmoid", "raw scores", "[0, 1]"),
        ("Maps", "(2,) or (2, patches)", "(2, 1, 1, 1)"),
        ("Single", "(2,) or (2, patches)", "()"),
        ("ScorePair", "a tensor", "tuple"),
        ("ScoreNotANumber", "finite", "NaN or infinity"),
        ("WholeScores", "floating point", "torch.int32"),
    ],
)
def test_a_discriminator_that_breaks_its_promise(tmp_path, name, expected, got):
    message = refusal(tmp_path, PluginError, discriminator=broken(name))
    for words in (f"discriminator engine.broken:{name}", expected, got):
        assert words in message


@pytest.mark.parametrize("discriminator", ["vanilla", "vanilla-bn", "dcgan", "fashion", "gaussian"])
@pytest.mark.parametrize("width", [1, 32])
def test_small_raw_scores_are_not_taken_for_squashed_ones(tmp_path, discriminator, width):
    for seed in range(10):
        ready(
            tmp_path,
            seed=seed,
            generator=Part("gaussian"),
            discriminator=Part(discriminator, width=width),
            dataset=Part("standin:pictures", side=4),
        )


@pytest.mark.parametrize(
    ("name", "expected", "got"),
    [
        ("Vector", "scalar", "(2,)"),
        ("Float", "scalar tensor", "float"),
        ("NoGradient", "depends on scores", "without a gradient"),
        ("LossNotANumber", "finite", "nan"),
        ("LossRaises", "ZeroDivisionError: the mean of nothing", "broken.py:"),
        ("Silent", "probability = True or False", "does not say"),
    ],
)
def test_a_loss_that_breaks_its_promise(tmp_path, name, expected, got):
    message = refusal(tmp_path, PluginError, loss=broken(name))
    for words in (f"loss engine.broken:{name}", expected, got):
        assert words in message


@pytest.mark.parametrize("name", ["penalty_vector", "penalty_not_a_number", "penalty_float"])
def test_a_penalty_that_breaks_its_promise(tmp_path, name):
    message = refusal(tmp_path, PluginError, penalty=(broken(name),))
    assert f"penalty engine.broken:{name}" in message
    assert "expected a finite scalar" in message


def test_a_component_that_is_no_network(tmp_path):
    message = refusal(tmp_path, PluginError, generator=broken("nothing"))
    assert "generator engine.broken:nothing is a NoneType" in message
    assert "torch.nn.Module" in message


def test_a_component_that_refuses_what_it_is_given(tmp_path):
    message = refusal(tmp_path, MisfitError, generator=broken("refuses"))
    assert re.search(r"generator engine\.broken:refuses .*it wants a Tuesday", message)


# Conditional recipes and labels -----------------------------------------------------------------------------


@pytest.mark.parametrize("generator", [Part("cgan"), broken("Conditional")])
def test_a_conditional_generator_needs_labelled_data(tmp_path, generator):
    message = refusal(tmp_path, MisfitError, generator=generator)
    assert f"generator {generator.name}" in message
    assert "the data have no labels" in message


def test_a_discriminator_that_judges_labels_needs_a_generator_that_takes_them(tmp_path):
    labelled = Part("standin:points", classes=3)
    message = refusal(tmp_path, MisfitError, discriminator=Part("cgan"), dataset=labelled)
    assert "discriminator cgan judges labels and generator fashion does not take any" in message


def test_a_generator_that_nobody_teaches_to_obey_is_warned_of(tmp_path, caplog):
    ready(tmp_path, generator=Part("cgan"), dataset=Part("standin:points", classes=3))
    assert "generator cgan takes labels that discriminator fashion does not see" in caplog.text


def test_labels_out_of_range_are_an_error_of_the_data(tmp_path):
    run = ready(tmp_path, dataset=broken("mislabelled"))
    with pytest.raises(DataError, match=r"labels from 0 to 3; 3 classes are numbered from 0 to 2"):
        run.feed  # noqa: B018
    assert DataError.exit_code == 3


def test_labels_that_were_promised_and_are_not_there(tmp_path):
    run = ready(tmp_path, dataset=broken("unlabelled"))
    with pytest.raises(PluginError, match="promises 3 classes and loads no labels"):
        run.feed  # noqa: B018


# Sizes of batches -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("size", [0, 1, 3])
def test_fewer_samples_than_a_batch(tmp_path, size):
    message = refusal(tmp_path, DataError, dataset=Part("standin:points", size=size))
    assert f"has {size} samples and a batch takes 4" in message


def test_one_sample_is_enough_for_batches_of_one(tmp_path):
    run = ready(tmp_path, dataset=Part("standin:points", size=1), batch=1)
    run.play()
    run.play()


@pytest.mark.parametrize("part", ["generator", "discriminator"])
def test_a_batch_of_one_does_not_go_through_batch_norm(tmp_path, part):
    changes = {
        part: broken("Normed" if part == "generator" else "Mixing"),
        "dataset": Part("standin:points", size=9),
    }
    message = refusal(tmp_path, MisfitError, **changes)
    assert f"{part} engine.broken:" in message
    assert "one sample" in message
    assert "last_batch=drop" in message
    for last_batch in ("drop", "merge"):
        ready(tmp_path, **changes, last_batch=last_batch)


@pytest.mark.parametrize("discriminator", ["vanilla", "vanilla-bn", "cgan", "dcgan", "fashion", "gaussian"])
def test_a_partial_batch_of_one_trains_without_a_warning(tmp_path, discriminator):
    generator = "cgan" if discriminator == "cgan" else "fashion"
    data = Part("standin:pictures", side=4, classes=3, size=5)
    run = ready(
        tmp_path, generator=Part(generator), discriminator=Part(discriminator), dataset=data, epochs=2
    )
    for _ in range(4):
        run.play()


def test_a_partial_batch_that_only_shows_when_the_data_are_there(tmp_path):
    """Ten were promised and nine are left: batches of 4, 4 and then 1, which batch norm cannot learn from."""
    run = ready(
        tmp_path, generator=broken("Normed"), dataset=Part("engine.broken:shorter", size=10, lost=1), epochs=1
    )
    with pytest.raises((MisfitError, DataError), match="one sample"):
        play(run, 3)


def play(run, steps: int) -> None:
    for _ in range(steps):
        run.play()


def test_fewer_samples_than_promised_are_counted_as_they_are(tmp_path):
    run = ready(tmp_path, dataset=Part("engine.broken:shorter", size=10, lost=2), epochs=2)
    run.feed  # noqa: B018
    assert run.total_steps == 4
    for _ in range(4):
        run.play()
    assert run.images == 16


# The checks leave no trace ----------------------------------------------------------------------------------


def test_checks_move_no_running_statistic_and_no_random_state(tmp_path):
    run = ready(
        tmp_path,
        generator=Part("vanilla-bn"),
        discriminator=broken("Mixing"),
        penalty=(Part("r1"), Part("dragan")),
    )
    norms = [m for n in run.game.players.values() for m in n.modules() if isinstance(m, nn.BatchNorm1d)]
    assert [m.num_batches_tracked.item() for m in norms] == [0] * 4
    assert all((m.running_mean == 0).all() for m in norms)


def test_checks_move_no_state_of_a_loss(tmp_path):
    run = ready(tmp_path, loss=broken("Counter"))
    assert run.game.contest.loss.count == 0
    play(run, 3)
    assert run.game.contest.loss.count == 3


def test_no_data_are_loaded_before_parts_fit(tmp_path, monkeypatch):
    import standin

    monkeypatch.setattr(standin.Standin, "load", lambda *_: pytest.fail("data were loaded"))
    ready(tmp_path)
    refusal(tmp_path, MisfitError, generator=Part("cgan"))


def test_building_twice_gives_the_same_weights(tmp_path):
    torch.manual_seed(5)
    first = weights(ready(tmp_path))
    torch.manual_seed(6)
    assert same(first, weights(ready(tmp_path)))


def test_nothing_is_imported_by_path_unless_it_was_typed(tmp_path):
    with pytest.raises(Exception, match="accepted only when you type it"):
        build(
            small_recipe(loss=broken("Loss")),
            Settings(device="cpu"),
            tmp_path,
            typed=frozenset({"standin:points"}),
        )
