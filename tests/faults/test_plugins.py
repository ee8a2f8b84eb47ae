"""Packages of others that are broken or in the way: the rest works, and the user hears whose fault it is."""

import importlib
import sys
from pathlib import Path
from types import ModuleType

import pytest

from faults import small
from ganzoo import registry

SIZES = ("--batch", "10", "--set", "latent=3", "--quiet")
PLURALS = {"loss": "losses", "penalty": "penalties"}
ROLES = {"optimizer": "d_optimizer", "schedule": "d_schedule"}


def is_short(done, code: int, *words: str) -> None:
    """The exit code, and a message of at most three lines with these words in it."""
    assert done.code == code, done.err
    assert done.out == ""
    assert "Traceback" not in done.err
    assert len(done.err.splitlines()) <= 3, done.err
    for word in words:
        assert word in done.err, f"{word!r} is not in {done.err!r}"


@pytest.fixture
def use(ganzoo, install_plugin, tmp_path):
    """Install my-gan, which brings one component named mine, and train with it: what was said, its file."""

    def train(kind: str, source: str, *arguments: str):
        file = install_plugin("my-gan", {PLURALS.get(kind, f"{kind}s"): {"mine": "my_gan:Mine"}}, source)
        return ganzoo(*command(tmp_path / "run", kind, *arguments)), file

    return train


def command(out: Path, kind: str, *arguments: str) -> list[str]:
    """Train in `out` with the component named mine."""
    chosen = ["mine"] if kind in ("penalty", "callback") else "mine"
    recipe = {} if kind in ("dataset", "") else {ROLES.get(kind, kind): chosen}
    data = "mine" if kind == "dataset" else small.DATASET
    config = ["--config", str(small.config(out.parent, **recipe))]
    return ["run", "gaussian", data, "--steps", "6", "--out", str(out), *SIZES, *config, *arguments]


# A package that cannot be imported --------------------------------------------------------------------------

BAD_IMPORTS = {
    "exception": ("x = 1\nraise ValueError('no luck')\n", "ValueError: no luck", 2),
    "exit": ("import sys\nsys.exit(3)\n", "SystemExit: 3", 2),
    "syntax": ("x = 1\ny = = 2\n", "SyntaxError", 2),
    "dependency": ("import absent_dependency\n", "No module named 'absent_dependency'", 1),
    "error of its own": ("class Oops(BaseException): pass\nraise Oops('oops')\n", "Oops: oops", 2),
    "recursion": ("def f(): f()\nf()\n", "RecursionError", 1),
    "no such name": ("x = 1\n", "has no 'Mine'", 0),
}


@pytest.mark.parametrize("what", BAD_IMPORTS)
def test_a_package_that_cannot_be_imported_breaks_its_own_use_only(ganzoo, install_plugin, tmp_path, what):
    source, reason, line = BAD_IMPORTS[what]
    groups = {kind: {"mine": "my_gan:Mine"} for kind in ("losses", "recipes")}
    file = install_plugin("my-gan", groups, source)
    for arguments in (("list",), ("show", "vanilla"), ("plugins",), ("--help",)):
        assert ganzoo(*arguments).code == 0, arguments
    place = f"{file}:{line}" if line else "my_gan"
    is_short(ganzoo(*command(tmp_path / "run", "loss")), 5, "loss my-gan/mine", reason, place)
    is_short(ganzoo("run", "mine", small.DATASET), 5, "recipe my-gan/mine", reason, place)
    assert not (tmp_path / "run").exists()
    assert ganzoo(*command(tmp_path / "run", "", "--dry-run")).code == 0


def test_doctor_names_what_is_broken_and_what_clashes(ganzoo, install_plugin):
    file = install_plugin("my-gan", {"losses": {"bce": "my_gan:Mine"}}, "import absent_dependency")
    done = ganzoo("doctor")
    assert done.code == 5
    for word in (f"({file}:1)", "my-gan 1.0 both bring losses named 'bce'"):
        assert word in done.out
    assert "Traceback" not in done.err


def test_a_recipe_must_be_one(ganzoo, install_plugin):
    install_plugin("my-gan", {"recipes": {"text": "my_gan:A", "odd": "my_gan:B"}}, "A = 'vanilla'\nB = 3")
    for name in ("text", "odd"):
        is_short(ganzoo("run", name, small.DATASET), 5, f"recipe {name} is a", "it must be a ganzoo.recipe")


def test_a_recipe_of_wrong_parts_says_which(ganzoo, install_plugin):
    source = """
        from ganzoo.recipe import Part, Recipe
        adam = Part("adam")
        Mine = Recipe(generator="vanilla", discriminator=Part("vanilla"), loss=Part("bce"),
                      d_optimizer=adam, g_optimizer=adam, steps=1)
    """
    file = install_plugin("my-gan", {"recipes": {"mine": "my_gan:Mine"}}, source)
    done = ganzoo("run", "mine", small.DATASET)
    is_short(done, 5, "generator is 'vanilla'; it must be a Part", f"{file}:4")


# Names that two packages claim ------------------------------------------------------------------------------

LOSS = """
    class Mine:
        probability = True
        def discriminator(self, real, fake):
            return (fake - real).mean()
        def generator(self, fake):
            return -fake.mean()
"""


@pytest.mark.parametrize("order", [("left", "right"), ("right", "left")])
def test_two_packages_with_one_name_are_both_named_whatever_their_order(
    ganzoo, install_plugin, tmp_path, monkeypatch, order
):
    for package in order:
        folder = tmp_path / package
        install_plugin(package, {"losses": {"twin": f"{package}:Mine"}}, LOSS, folder=folder)
        monkeypatch.syspath_prepend(str(folder))
    trial = command(tmp_path / "run", "", "--dry-run", "--loss")
    said = "left 1.0 and right 1.0 both bring losses named 'twin'"
    is_short(ganzoo(*trial, "twin"), 5, said, "left/twin or right/twin")
    assert any(problem.message.startswith(said) for problem in registry.problems())
    for package in order:
        assert ganzoo(*trial, f"{package}/twin").code == 0


@pytest.mark.parametrize("package", ["aaa", "zzz"])
def test_a_built_in_component_keeps_its_name(ganzoo, install_plugin, tmp_path, package):
    install_plugin(package, {"losses": {"bce": f"{package}:Mine"}}, LOSS)
    for number, name in enumerate(("bce", "ganzoo/bce", f"{package}/bce")):
        out = tmp_path / str(number)
        assert ganzoo(*command(out, "", "--loss", name)).code == 0
        takes_part = f'{package} = "1.0"' in (out / "run.toml").read_text()
        assert takes_part == (name == f"{package}/bce")


# A component that breaks its contract, found before training ------------------------------------------------

GENERATOR = """
    import torch
    class Mine(torch.nn.Module):
        def __init__(self, spec, latent):
            super().__init__()
            self.layer = torch.nn.Linear(latent, 2)
        def forward(self, z):
            x = self.layer(z)
            return {}
"""
DISCRIMINATOR = GENERATOR.replace("spec, latent", "spec").replace("Linear(latent, 2)", "Linear(2, 1)")
NETWORKS = {"generator": GENERATOR, "discriminator": DISCRIMINATOR}
BAD_OUTPUT = {
    "a tuple": ("(x, x)", "returns a tuple; expected a tensor"),
    "a number": ("3.0", "returns a float; expected a tensor"),
    "nothing": ("None", "returns a NoneType; expected a tensor"),
    "integers": ("x.int()", "returns torch.int32; expected floating point"),
    "NaN": ("x * float('nan')", "returns NaN or infinity"),
    "infinity": ("x / 0", "returns NaN or infinity"),
    "an error": ("x.reshape(7)", "RuntimeError"),
    "an exit": ("exit(9)", "SystemExit: 9"),
}


@pytest.mark.parametrize("player", NETWORKS)
@pytest.mark.parametrize("what", BAD_OUTPUT)
def test_a_network_that_returns_something_else_is_refused(use, tmp_path, player, what):
    returned, message = BAD_OUTPUT[what]
    done, file = use(player, NETWORKS[player].format(returned))
    raises = what in ("an error", "an exit")
    is_short(done, 5, f"{player} mine of my-gan", message, f"({file}:9)" if raises else "contract")
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize(
    ("kind", "returned", "message"),
    [
        ("generator", "x[:, :, None]", "makes (2, 2, 1) from 2 latent vectors; expected (2, 2)"),
        ("generator", "x[:1]", "makes (1, 2) from 2 latent vectors"),
        ("discriminator", "x[:, :, None]", "gives scores (2, 1, 1) for 2 samples; expected (2,)"),
        ("discriminator", "x.mean()", "gives scores () for 2 samples"),
        ("discriminator", "x.squeeze(1).sigmoid()", "without a sigmoid at the end"),
    ],
)
def test_wrong_shapes_and_a_sigmoid_are_refused(use, kind, returned, message):
    done, _ = use(kind, NETWORKS[kind].format(returned))
    is_short(done, 5, f"{kind} mine of my-gan breaks its contract: it", message)


def test_a_generator_that_leaves_the_range_of_the_data_is_refused(ganzoo, install_plugin, tmp_path):
    source = GENERATOR.replace("latent, 2)", "latent, 16)").format("x.view(-1, 1, 4, 4) * 1000")
    install_plugin("my-gan", {"generators": {"mine": "my_gan:Mine"}}, source)
    done = ganzoo("run", "fashion", "standin:shares", "--generator", "mine", "--batch", "10", "--dry-run")
    is_short(done, 5, "generator mine of my-gan", "makes values in [", "data is in [-1, 1]")


LOSSES = {
    "a vector": ("real - fake", "gives the discriminator (2,); expected a scalar tensor"),
    "a float": ("0.5", "gives the discriminator float; expected a scalar tensor"),
    "no gradient": ("(real - fake).mean().detach()", "a value without a gradient"),
    "NaN": ("(real - fake).mean() * float('nan')", "gives the discriminator nan"),
    "an error": ("undefined", "NameError: name 'undefined' is not defined"),
}


@pytest.mark.parametrize("what", LOSSES)
def test_a_loss_that_is_no_loss_is_refused(use, what):
    value, message = LOSSES[what]
    done, _ = use("loss", LOSS.replace("(fake - real).mean()", value))
    is_short(done, 5, "loss mine of my-gan", message)


def test_a_loss_says_whether_its_scores_are_log_odds(use):
    done, _ = use("loss", LOSS.replace("probability = True", "pass"))
    is_short(done, 5, "loss mine of my-gan", "probability")


DATASET = """
    import torch
    from ganzoo.datasets.base import Samples
    from ganzoo.spec import DataSpec
    class Data:
        spec = {}
        def load(self, split):
            return {}
    def Mine(folders):
        return Data()
"""
SPEC, SAMPLES = "DataSpec((2,), None, None, 40)", "Samples(torch.rand(40, 2))"
LABELLED = "DataSpec((2,), None, 3, 40)"
DATASETS = {
    "no spec": ("None", SAMPLES, 5, "has a NoneType for its spec"),
    "negative sizes": ("DataSpec((-2,), None, None, 40)", SAMPLES, 5, "expected positive sizes"),
    "upside down": ("DataSpec((2,), (1, 0), None, 40)", SAMPLES, 5, "an ascending range"),
    "text": ("DataSpec('2', None, None, 40)", SAMPLES, 5, "expected positive sizes"),
    "a bare tensor": (SPEC, "torch.rand(40, 2)", 5, "loads a Tensor; expected"),
    "another shape": (SPEC, "Samples(torch.rand(40, 3))", 5, "loads samples of 3 torch.float32; expected 2"),
    "integers": (SPEC, "Samples(torch.ones(40, 2).long())", 5, "loads samples of 2 torch.int64"),
    "NaN": (SPEC, "Samples(torch.full((40, 2), float('nan')))", 5, "some are not finite"),
    "out of range": ("DataSpec((2,), (0, 1), None, 40)", "Samples(2 + torch.rand(40, 2))", 5, "(0, 1)"),
    "no labels": (LABELLED, SAMPLES, 5, "promises 3 classes and loads no labels"),
    "float labels": (LABELLED, "Samples(torch.rand(40, 2), torch.rand(40))", 5, "expected (N,) int64"),
    "label 3 of 3": (
        LABELLED,
        "Samples(torch.rand(40, 2), torch.arange(40) % 4)",
        3,
        "labels from 0 to 3; 3 classes are numbered from 0 to 2",
    ),
    "an error": (SPEC, "1 / 0", 5, "ZeroDivisionError: division by zero"),
}


@pytest.mark.parametrize("what", DATASETS)
def test_a_data_set_that_breaks_its_promise_is_refused(use, tmp_path, what):
    *values, code, message = DATASETS[what]
    done, file = use("dataset", DATASET.format(*values))
    is_short(done, code, "dataset mine", message, *([f"{file}:8"] if what == "an error" else []))
    assert not (tmp_path / "run").exists()


HOOK = """
    from ganzoo.hooks import hookimpl
    class Mine:
        @hookimpl
        def step_ended(self):
            pass
"""
OTHERS = {
    "optimizer": ("def Mine(parameters):\n    return None", "expected a torch.optim.Optimizer"),
    "schedule": ("def Mine():\n    return lambda images, total: None", "gives the factors"),
    "game": ("def Mine(parts):\n    return object()", "has no players"),
    "callback": (HOOK, "step_ended"),
    "penalty": ("def Mine(d, real, fake, labels):\n    return real", "expected a finite scalar"),
}


@pytest.mark.parametrize("kind", OTHERS)
def test_other_components_that_break_their_promise_are_refused(use, tmp_path, kind):
    source, message = OTHERS[kind]
    is_short(use(kind, source)[0], 5, message)
    assert not (tmp_path / "run").exists()


# A component that fails on the way --------------------------------------------------------------------------

# Each counts down and fails when it gets to 0; a batch has 10 samples, and what the probe is shown has fewer.
COUNT = """
    import torch
    from ganzoo.hooks import hookimpl
    from ganzoo.zoo import gaussian
    left = 0
    def count():
        global left
        left -= 1
        if left == 0:
            raise ValueError("no luck")
"""
FAILING = {
    "generator": """
    class Mine(gaussian.Generator):
        def forward(self, z):
            if len(z) == 10:
                count()
            return super().forward(z)
    """,
    "discriminator": """
    class Mine(gaussian.Discriminator):
        def forward(self, x):
            if len(x) == 20:
                count()
            return super().forward(x)
    """,
    "loss": """
    class Mine:
        probability = True
        def discriminator(self, real, fake):
            return (fake - real).square().mean()
        def generator(self, fake):
            count()
            return fake.square().mean()
    """,
    "penalty": """
    def Mine(discriminator, real, fake, labels):
        count()
        return discriminator(real, labels).square().mean()
    """,
    "schedule": """
    def Mine():
        def factor(images, total):
            count()
            return 1.0
        return factor
    """,
    "callback": """
    class Mine:
        @hookimpl
        def step_end(self, run):
            count()
    """,
}
# How often each is called before the first step, and in a step.
CALLS = {"generator": (0, 1), "loss": (1, 1), "penalty": (1, 1), "schedule": (3, 1)}


@pytest.mark.parametrize("kind", FAILING)
def test_a_component_that_fails_at_step_37_loses_no_step_that_was_saved(
    ganzoo, install_plugin, tmp_path, kind
):
    file = install_plugin(
        "my-gan", {PLURALS.get(kind, f"{kind}s"): {"mine": "my_gan:Mine"}}, COUNT + FAILING[kind]
    )
    module = importlib.import_module("my_gan")
    long = ("--steps", "40", "--checkpoint-every", "10steps")
    assert ganzoo(*command(tmp_path / "whole", kind, *long)).code == 0
    before, a_step = CALLS.get(kind, (0, 1))
    out = tmp_path / "run"
    module.left = before + 36 * a_step + 1
    done = ganzoo(*command(out, kind, *long))
    between = kind in ("callback", "schedule")
    whole = {"callback": 37, "schedule": 36}.get(kind, 30)
    when = f"after step {whole}" if between else "in step 37"
    is_short(
        done, 5, f"{kind} mine of my-gan failed {when}: ValueError: no luck ({file}:10)", "ganzoo resume"
    )
    assert f"Step {whole} is saved" in done.err
    assert "ValueError: no luck" in (out / "traceback.txt").read_text()
    assert ganzoo("resume", str(out), "--dataset", small.DATASET, "--checkpoint-every", "10steps").code == 0
    assert not (out / "traceback.txt").exists()
    assert small.product(out) == small.product(tmp_path / "whole")


@pytest.mark.parametrize("hook", ["run_start", "record", "checkpoint_save", "run_end"])
@pytest.mark.parametrize("error", ["ValueError('no luck')", "SystemExit(3)"])
def test_a_callback_may_fail_in_any_hook(ganzoo, use, tmp_path, hook, error):
    source = f"""
        from ganzoo.hooks import hookimpl
        class Mine:
            @hookimpl
            def {hook}(self, run):
                if run.step >= 3 or "{hook}" == "run_start":
                    raise {error}
    """
    done, file = use("callback", source, "--set", "record_every_steps=1", "--checkpoint-every", "1steps")
    is_short(done, 5, "callback mine of my-gan failed", f"{file}:7")


def test_what_ended_a_run_is_not_hidden_by_a_callback_that_fails_at_its_end(use):
    source = """
        from ganzoo.errors import DivergedError
        from ganzoo.hooks import hookimpl
        class Mine:
            @hookimpl
            def step_end(self, run):
                raise DivergedError("enough")
            @hookimpl
            def run_end(self, run):
                raise ValueError("no luck")
    """
    done, _ = use("callback", source)
    assert done.code == 6
    assert "enough" in done.err
    assert "no luck" in done.err


def test_a_failure_of_ganzoo_itself_is_not_blamed_on_a_plugin(
    ganzoo, use, install_plugin, tmp_path, monkeypatch
):
    from ganzoo.engine.run import Run

    monkeypatch.setattr(Run, "record_window", lambda self: 1 / 0)
    done, _ = use("loss", LOSS, "--set", "record_every_steps=1")
    is_short(done, 1, "a defect of ganzoo", "ZeroDivisionError")
    assert "ZeroDivisionError" in (tmp_path / "run" / "traceback.txt").read_text()


def test_a_generator_that_fails_when_sampled_is_named(ganzoo, install_plugin, tmp_path):
    file = install_plugin("my-gan", {"generators": {"mine": "my_gan:Mine"}}, COUNT + FAILING["generator"])
    assert ganzoo(*command(tmp_path / "run", "generator")).code == 0
    module: ModuleType = sys.modules["my_gan"]
    module.left = 1
    done = ganzoo("sample", str(tmp_path / "run"), "-n", "10", "--out", str(tmp_path / "a.npy"))
    is_short(done, 5, "generator my_gan:Mine fails to make samples: ValueError: no luck", f"{file}:10")


# Very many --------------------------------------------------------------------------------------------------


def test_ten_thousand_entry_points_are_listed_without_an_import(ganzoo, install_plugin):
    for package in range(100):
        names = {f"loss-{package}-{number}": f"many_{package}:Mine{number}" for number in range(100)}
        install_plugin(f"many-{package}", {"losses": names}, "raise SystemExit('imported')")
    assert ganzoo("--help").code == 0
    done = ganzoo("list", "losses")
    assert done.code == 0
    assert len([line for line in done.out.splitlines() if line.startswith("  loss-")]) == 10_000
    assert not any(name.startswith("many_") for name in sys.modules)
    is_short(ganzoo("run", "vanilla", small.DATASET, "--loss", "los-42-42"), 2, "Did you mean 'loss-42-42'?")
