"""Every check notices a component that breaks its promise and nothing else, and lets sound ones pass."""

import os
import random
import sys
import warnings

import numpy as np
import pytest
import torch

from contract import bad_networks, bad_parts, bad_runs
from engine import broken
from ganzoo import registry
from ganzoo.errors import UsageError
from ganzoo.spec import DataSpec
from ganzoo.testing import CHECKS, ContractError, Untried, contract, contract_of, examine

TEETH = {
    "generators": bad_networks.GENERATORS,
    "discriminators": bad_networks.DISCRIMINATORS,
    "losses": bad_parts.LOSSES,
    "penalties": bad_parts.PENALTIES,
    "constraints": bad_parts.CONSTRAINTS,
    "augmentations": bad_parts.AUGMENTATIONS,
    "datasets": bad_parts.DATASETS,
    "metrics": bad_parts.METRICS,
    "optimizers": bad_parts.OPTIMIZERS,
    "schedules": bad_parts.SCHEDULES,
    "commands": bad_parts.COMMANDS,
    "recipes": bad_runs.RECIPES,
    "games": bad_runs.GAMES,
    "callbacks": bad_runs.CALLBACKS,
}
SOUND = [
    *(("generators", each) for each in bad_networks.SOUND_GENERATORS),
    *(("discriminators", each) for each in bad_networks.SOUND_DISCRIMINATORS),
    ("losses", broken.Loss),
    ("losses", broken.Counter),
    ("penalties", bad_parts.drift),
    ("augmentations", bad_parts.Shifted),
    ("datasets", bad_parts.data()),
    ("metrics", bad_parts.picky),
    *(("recipes", each) for each in bad_runs.SOUND_RECIPES),
    *(("callbacks", each) for each in bad_runs.SOUND_CALLBACKS),
]


@pytest.fixture(autouse=True)
def _teeth(install_plugin):
    """Discriminators that recipes name, and a command that imports torch."""
    names = {
        name.lower(): f"contract.bad_runs:{name}" for name in ("Maturing", "Moody", "Tiring", "Watchful")
    }
    source = "import click, torch\n@click.command()\ndef heavy():\n    'Lift something.'"
    install_plugin("teeth", {"discriminators": names, "commands": {"heavy": "teeth:heavy"}}, source)


@pytest.mark.parametrize(
    ("kind", "check", "component", "words"),
    [(kind, *tooth) for kind, teeth in TEETH.items() for tooth in teeth],
    ids=lambda value: value if isinstance(value, str) and len(value) < 15 else "",
)
def test_the_named_check_notices(kind, check, component, words):
    with pytest.raises(ContractError, match=words):
        contract(kind, component, check)


@pytest.mark.parametrize("kind", CHECKS)
def test_every_check_has_teeth(kind):
    checks = {check.name for check in CHECKS[kind]}
    assert checks == {"import", *(name for name, *_ in TEETH[kind])}


@pytest.mark.parametrize("kind", CHECKS)
def test_every_check_says_what_it_checks_in_a_line(kind):
    names = [check.name for check in CHECKS[kind]]
    assert len(set(names)) == len(names)
    assert all(10 < len(check.promise) < 90 for check in CHECKS[kind])


@pytest.mark.parametrize(("kind", "component"), SOUND)
def test_sound_components(kind, component):
    contract(kind, component)


@pytest.mark.parametrize("kind", CHECKS)
def test_a_component_that_cannot_be_imported_fails_one_check_alone(kind, install_plugin):
    file = install_plugin("shattered", {kind: {"mine": "shattered:Mine"}}, "\n1 / 0\n")
    (outcome,) = examine(kind, "shattered/mine")
    assert (outcome.check.name, outcome.status) == ("import", "fail")
    assert f"ZeroDivisionError: division by zero ({file}:2)" in outcome.reason


def test_an_annotation_that_cannot_be_read_is_an_import_that_fails():
    def Mine(spec, latent, *, width: "Absent"):  # noqa: F821
        return None

    with pytest.raises(ContractError, match="cannot read the options of .*Absent"):
        contract("generators", Mine, "import")


def test_an_option_without_a_type_is_noticed():
    def factory(spec, latent, *, width: int = 3, slope=0.1):
        return broken.Generator(spec, latent)

    with pytest.raises(ContractError, match="a type for every option, got none for slope"):
        contract("generators", factory, "import")


def test_a_factory_of_another_signature_is_told_what_it_is_given():
    def factory(spec):
        return broken.Discriminator(spec)

    words = r"takes \(spec\) and is given \(DataSpec, int\): too many positional arguments"
    with pytest.raises(ContractError, match=words):
        contract("generators", factory, "fits")


@pytest.mark.parametrize(
    ("source", "words"),
    [
        ("import torch; torch.set_default_dtype(torch.float64)", "torch's default dtype"),
        ("import torch; torch.manual_seed(1)", "torch's random numbers, torch's seed"),
        ("import random; random.seed(0)", "Python's random numbers"),
        ("import os; os.chdir('/')", "the working directory"),
    ],
)
def test_what_an_import_changes_is_noticed(install_plugin, source, words):
    install_plugin("careless", {"losses": {"mine": "careless:Mine"}}, f"{source}\nclass Mine: ...\n")
    with pytest.raises(ContractError, match=f"the process left alone, got a change of {words}"):
        contract("losses", "careless/mine", "import")


@pytest.mark.parametrize(
    "name", [name for name in vars(bad_networks) if name.startswith(("Changes", "Draws"))]
)
def test_what_a_check_changes_is_put_back(name, monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    before = process()
    component = getattr(bad_networks, name)
    kind = "generators" if issubclass(component, broken.Generator) else "discriminators"
    failed = [each.check.name for each in examine(kind, component) if each.status == "fail"]
    assert failed[0] == "process"
    assert process() == before


def process():
    return (
        random.getstate(),
        str(np.random.get_state(legacy=False)),
        torch.get_rng_state().tolist(),
        torch.initial_seed(),
        torch.get_default_dtype(),
        torch.get_num_threads(),
        torch.is_grad_enabled(),
        os.getcwd(),
        dict(os.environ),
        list(warnings.filters),
        list(sys.path),
    )


def test_networks_are_tried_on_the_data_that_are_asked_for():
    odd = DataSpec((2, 5, 9), (0.0, 1.0), None, 8)
    with pytest.raises(ContractError, match=r"expected \(2, 2x5x9\)"):
        contract("generator", broken.Flat, specs=[odd])
    contract("generator", "dcgan", options={"width": 2}, specs=[odd])


def test_labels_that_were_not_promised_are_an_error_of_the_data():
    mislabelled = bad_parts.loading(torch.zeros(6, 2), torch.full((6,), 3))
    contract("datasets", mislabelled)  # what a user's files hold is no fault of the component
    with pytest.raises(Untried, match="has labels from 3 to 3"):
        contract("datasets", mislabelled, "samples")


def test_a_failure_that_no_check_foresees_is_the_components():
    class Failing(broken.Generator):
        def spoil(self, x):
            if len(x) == 7:
                raise KeyError("colour")
            return x

    with pytest.raises(
        ContractError, match=r"fails in the check gradients: KeyError: 'colour' \(.*test_teeth"
    ):
        contract("generators", Failing, "gradients")


def test_an_option_that_is_needed_is_asked_for():
    def factory(folders, *, path: str):
        return bad_parts.Data()

    (outcome,) = examine("datasets", factory)
    assert (outcome.status, outcome.check.name) == ("untried", "import")
    assert "needs the option 'path'" in outcome.reason
    contract("datasets", factory, options={"path": "here"})


def test_a_check_that_does_not_exist():
    with pytest.raises(
        UsageError, match=r"there is no check 'shapes' of generators\. Did you mean 'shape'\?"
    ):
        contract("generators", broken.Generator, "shapes")


def test_the_parametrisation_has_every_check_and_imports_nothing(install_plugin):
    install_plugin("lazy", {"losses": {"a": "lazy:A"}, "metrics": {"b": "lazy:B"}}, "1 / 0")
    names, values = contract_of("lazy")
    assert names == ("kind", "name", "check")
    assert values == [
        (kind, name, check.name)
        for kind, name in (("losses", "lazy/a"), ("metrics", "lazy/b"))
        for check in CHECKS[kind]
    ]
    assert "lazy" not in sys.modules


def test_a_package_without_components_cannot_be_parametrised(install_plugin):
    install_plugin("ganzoo-mine", {"losses": {"a": "m:A"}})
    with pytest.raises(UsageError, match=r"'ganzoo-mime' brings components\. Did you mean 'ganzoo-mine'\?"):
        contract_of("ganzoo-mime")


def test_there_are_checks_for_every_kind():
    assert CHECKS.keys() == registry.KINDS.keys()
