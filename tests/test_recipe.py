"""The recipe as a value: changed by paths, written as tables, and refused where it makes no sense."""

import dataclasses
import json
import tomllib

import pytest
import tomli_w
from hypothesis import given
from hypothesis import strategies as st

from ganzoo.errors import UsageError
from ganzoo.recipe import ROLES, Part, Recipe, plain_options


def recipe(**changes):
    values = {
        "generator": Part("vanilla", width=256),
        "discriminator": Part("vanilla"),
        "loss": Part("paper"),
        "d_optimizer": Part("adam", lr=2e-4, betas=(0.5, 0.999)),
        "g_optimizer": Part("adam"),
        "dataset": Part("mnist"),
        "penalty": (Part("r1", gamma=10.0),),
        "callback": (Part("curves"), Part("samples", every_epochs=10, count=16)),
        "epochs": 100.0,
        "paper": "Goodfellow et al., 2014",
    }
    return Recipe(**{**values, **changes})


def test_parts_are_values():
    assert Part("adam", lr=1e-3) == Part("adam", lr=1e-3)
    assert hash(Part("adam", a=1, b=2)) == hash(Part("adam", b=2, a=1))
    assert Part("adam", lr=1e-3) != Part("adam")
    assert Part("adam", lr=1e-3).with_options(lr=1, eps=2) == Part("adam", lr=1, eps=2)
    assert Part("folder", self="y").options == {"self": "y"}
    with pytest.raises(TypeError):
        Part("adam", lr=1).options["lr"] = 2


def test_no_option_is_called_name_for_tables_use_that_word():
    with pytest.raises(UsageError, match="'name'"):
        Part("folder", name="x")


def test_a_recipe_cannot_be_changed_in_place():
    with pytest.raises(dataclasses.FrozenInstanceError):
        recipe().batch = 3


@pytest.mark.parametrize("length", [{}, {"epochs": 1.0, "steps": 2}, {"steps": 1, "images": 2}])
def test_exactly_one_length_is_given(length):
    with pytest.raises(UsageError, match="exactly one of epochs, steps and images"):
        recipe(**{"epochs": None, **length})


def test_a_value_range_runs_upwards():
    with pytest.raises(UsageError, match="first must be smaller"):
        recipe(value_range=(1.0, 1.0))


def test_lasting_replaces_the_length():
    longer = recipe().lasting(steps=7)
    assert (longer.epochs, longer.steps, longer.images) == (None, 7, None)


@pytest.mark.parametrize(
    ("path", "value", "read"),
    [
        ("latent", "64", lambda r: r.latent == 64),
        ("value_range", "0,1", lambda r: r.value_range == (0.0, 1.0)),
        ("order", "sequential", lambda r: r.order == "sequential"),
        ("steps", "500", lambda r: (r.epochs, r.steps) == (None, 500)),
        ("epochs", "0.5", lambda r: r.epochs == 0.5),
        ("generator.width", "512", lambda r: r.generator.options["width"] == "512"),
        ("generator.depth", 3, lambda r: r.generator.options == {"width": 256, "depth": 3}),
        ("d_optimizer.lr", 1e-3, lambda r: r.d_optimizer.options["lr"] == 1e-3),
        ("dataset.size", 4, lambda r: r.dataset.options == {"size": 4}),
        ("penalty.gamma", 5, lambda r: r.penalty[0].options["gamma"] == 5),
        ("penalty.r1.gamma", 5, lambda r: r.penalty[0].options["gamma"] == 5),
        ("callback.samples.count", 25, lambda r: r.callback[1].options["count"] == 25),
        ("paper", "Mine", lambda r: r.paper == "Mine"),
    ],
)
def test_set_replaces_one_value(path, value, read):
    before = recipe()
    after = before.set(path, value)
    assert read(after)
    assert before == recipe()


@pytest.mark.parametrize(
    ("path", "message"),
    [
        ("latnet", "Did you mean 'latent'?"),
        ("generater.width", "Did you mean 'generator'?"),
        ("generator", "which option of the generator? Write generator.OPTION=VALUE."),
        ("callback.sample.count", "Did you mean 'samples'?"),
        ("callback.count", "There are: curves.count, samples.count."),
        ("callback", "which option"),
        ("latent.size", "no such part or number"),
        ("", "no such part or number"),
        (".", "no such part or number"),
    ],
)
def test_set_refuses_a_path_that_names_nothing(path, message):
    with pytest.raises(UsageError) as error:
        recipe().set(path, "1")
    assert message in str(error.value)
    assert str(error.value).startswith(f"--set {path}: ")


def test_set_refuses_parts_that_the_recipe_lacks():
    with pytest.raises(UsageError, match="this recipe has no dataset"):
        recipe(dataset=None).set("dataset.size", 1)
    with pytest.raises(UsageError, match="no such penalty"):
        recipe(penalty=()).set("penalty.gamma", 1)


@pytest.mark.parametrize(
    ("path", "value"), [("latent", "0"), ("latent", "many"), ("order", "any"), ("epochs", "nan")]
)
def test_set_checks_numbers(path, value):
    with pytest.raises(UsageError, match=f"the recipe: {path} is '{value}'"):
        recipe().set(path, value)


@pytest.mark.parametrize(
    "write", [lambda t: tomllib.loads(tomli_w.dumps(t)), lambda t: json.loads(json.dumps(t))]
)
@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"dataset": None, "penalty": (), "callback": ()},
        {"epochs": None, "images": 60_000, "value_range": (0.0, 1.0)},
        {"generator": Part("my-gan/big", widths=(64, (1, 2)), name_of="x\n\x1b\"'é", flag=True)},
    ],
)
def test_a_recipe_survives_its_table(changes, write):
    before = recipe(**changes)
    after = Recipe.from_table(write(before.to_table()))
    assert after == before
    assert after.paper == before.paper
    assert after.to_table() == before.to_table()


@given(
    st.integers(1, 10**12),
    st.floats(1e-300, 1e300),
    st.sampled_from(["keep", "drop", "merge"]),
    st.dictionaries(
        st.from_regex(r"[a-z_]{1,8}", fullmatch=True).filter(lambda k: k != "name"),
        st.one_of(
            st.booleans(),
            st.integers(-(2**63), 2**63 - 1),
            st.floats(allow_nan=False),
            st.text(st.characters(exclude_categories=["Cs"])),
        ),
    ),
)
def test_any_recipe_survives_toml(latent, epochs, last_batch, options):
    before = recipe(latent=latent, epochs=epochs, last_batch=last_batch, loss=Part("paper", **options))
    assert Recipe.from_table(tomllib.loads(tomli_w.dumps(before.to_table()))) == before


def test_none_is_written_as_a_word():
    table = recipe(loss=Part("paper", form=None)).to_table()
    assert table["loss"] == {"name": "paper", "form": "none"}
    assert "steps" not in table


def test_a_table_may_name_a_part_by_its_name_alone():
    table = recipe().to_table() | {"loss": "hinge"}
    assert Recipe.from_table(table).loss == Part("hinge")


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"generater": "x"}, "a recipe has no 'generater'. Did you mean 'generator'?"),
        ({"latent": 0}, "the recipe: latent is 0"),
        ({"latent": True}, "the recipe: latent is True"),
        ({"latent": "100 "}, None),
        ({"batch": 1.5}, "the recipe: batch is 1.5"),
        ({"loss": 3}, "loss must be a name, or a table with a name and its options."),
        ({"loss": {"form": "x"}}, "loss must be a name"),
        ({"penalty": "r1"}, "penalty must be a list"),
        ({"penalty": [1]}, "penalty must be a name"),
        ({"steps": 5}, "exactly one of epochs, steps and images"),
    ],
)
def test_a_wrong_table_is_refused(changes, message):
    table = recipe().to_table() | changes
    if message is None:
        assert Recipe.from_table(table).latent == 100
        return
    with pytest.raises(UsageError) as error:
        Recipe.from_table(table)
    assert message in str(error.value)


@pytest.mark.parametrize("role", ["generator", "discriminator", "loss", "d_optimizer", "g_optimizer"])
def test_a_table_without_a_needed_part_is_refused(role):
    table = recipe().to_table()
    del table[role]
    with pytest.raises(UsageError, match=f"the recipe names no {role}"):
        Recipe.from_table(table)


def test_every_field_is_a_part_or_a_number():
    assert {f.name for f in dataclasses.fields(Recipe)} == {*ROLES, *plain_options()}
