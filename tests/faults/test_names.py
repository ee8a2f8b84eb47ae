"""Names and numbers that a user types: whatever they are, an exit code and one clear message."""

import re
from pathlib import Path

import pytest
import tomli_w

from faults import small
from ganzoo import api
from ganzoo.engine import directory
from ganzoo.errors import UsageError

HERE = ("run", "gaussian", small.DATASET, "--quiet", "--device", "cpu")
RUN = (*HERE, "--batch", "10", "--steps", "1")
ODD = [
    "../x",
    "/tmp/x",
    "a\0b",
    "x" * 300,
    "a\nb",
    "\x1b[31mred",
    "",
    ".",
    "..",
    "-",
    "a/b",
    "漢" * 100,
    "<b>&",
]


@pytest.fixture(autouse=True)
def _home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "home").mkdir()
    monkeypatch.chdir(tmp_path / "home")
    monkeypatch.delenv("GANZOO_DATA", raising=False)


def is_refused(done, code: int = 2, *words: str) -> None:
    """The exit code, a message of at most three printable lines, and nothing written."""
    assert done.code == code, done.err
    assert done.out == ""
    assert "Traceback" not in done.err
    assert len(done.err.splitlines()) <= 3, done.err
    assert re.fullmatch(r"[^\x00-\x09\x0b-\x1f\x7f-\x9f]*", done.err), repr(done.err)
    for word in words:
        assert word in done.err, f"{word!r} is not in {done.err!r}"
    assert list(Path().iterdir()) == []


# Names of runs ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ODD)
def test_a_run_is_named_by_harmless_characters_below_runs(name):
    chosen = directory.choose(None, name, name)
    assert chosen.parent == Path("runs")
    assert re.fullmatch(r"[\w.-]{0,80}-0001", chosen.name)
    assert not chosen.name.startswith(".")


@pytest.mark.parametrize("name", ODD)
def test_a_file_may_not_name_a_run_oddly(ganzoo, tmp_path, name):
    table = {**api.find_recipe("gaussian").to_table(), "dataset": {"name": "gaussian"}}
    config = tmp_path / "odd.toml"
    config.write_text(tomli_w.dumps({"name": name, "recipe": table}))
    is_refused(ganzoo("run", "--config", str(config), "--quiet", "--steps", "1"), 2, "the name is")


def test_a_file_names_a_run(ganzoo, tmp_path):
    table = {**api.find_recipe("gaussian").to_table(), "dataset": {"name": "gaussian", "size": 512}}
    config = tmp_path / "fine.toml"
    config.write_text(tomli_w.dumps({"name": "my-gan_2.0", "recipe": {**table, "callback": []}}))
    assert ganzoo("run", "--config", str(config), "--quiet", "--steps", "1").code == 0
    (made,) = Path("runs").iterdir()
    assert made.name == "my-gan_2.0-gaussian-0001"
    assert directory.read(made).name == "my-gan_2.0"


@pytest.mark.parametrize(
    "name", ["a\0b", "a\nb", "\x1b[31mred", "x" * 300, "a/\x7f", "\u202egnp", "bad\udcff"]
)
def test_out_is_a_printable_path(ganzoo, name):
    is_refused(ganzoo(*RUN, "--out", name))
    with pytest.raises(UsageError):
        directory.choose(Path(name), "a", "b")


@pytest.mark.parametrize("name", ["", ".", "..", "/", "/dev/null", "/proc/x", "missing/x", "../home"])
def test_out_is_a_new_folder_in_one_that_exists(ganzoo, name):
    is_refused(ganzoo(*RUN, "--out", name), 2, "--out")


def test_out_may_be_any_other_path(ganzoo, tmp_path):
    config = small.config(tmp_path)
    for out in (tmp_path / "absolute", Path("../beside"), Path("漢 é.x"), Path("./dot")):
        assert ganzoo(*RUN, "--config", str(config), "--out", str(out)).code == 0
        assert (out / "run.toml").is_file()


@pytest.mark.parametrize("name", [name for name in ODD if name != "gaussian"])
@pytest.mark.parametrize("option", ["--loss", "--generator", "--penalty", "--callback", "recipe", "dataset"])
def test_components_with_odd_names_do_not_exist(ganzoo, option, name):
    arguments = {
        "recipe": ["run", f"\N{BULLET}{name}", small.DATASET],
        "dataset": ["run", "gaussian", f"\N{BULLET}{name}"],
    }
    is_refused(ganzoo(*arguments.get(option, [*RUN, option, f"\N{BULLET}{name}"])), 2, "there is no")


# Typing errors ----------------------------------------------------------------------------------------------

TYPED = {
    ("lsit",): "'list'",
    ("run", "gausian", small.DATASET): "'gaussian'",
    ("run", "gaussian", "gausian"): "'gaussian'",
    (*RUN, "--loss", "hindge"): "'hinge'",
    (*RUN, "--generator", "dcgna"): "'dcgan'",
    (*RUN, "--discriminator", "vanila"): "'vanilla'",
    (*RUN, "--penalty", "wgangp"): "'wgan-gp'",
    (*RUN, "--callback", "curvs"): "'curves'",
    (*RUN, "--los", "hinge"): "--loss",
    (*RUN, "--set", "generatr.width=3"): "'generator'",
    (*RUN, "--set", "latnet=3"): "'latent'",
    (*RUN, "--set", "generator.widht=3"): "'width'",
    (*RUN, "--set", "d_optimizer.lrr=1"): "'lr'",
    (*RUN, "--set", "order=shufled"): "'shuffled'",
    (*RUN, "--set", "game.first=discriminater"): "'discriminator'",
    (*RUN, "--set", "callback.curvse.x=3"): "'curves'",
    ("show", "vanila"): "'vanilla'",
    ("show", "vanilla", "--kind", "lossess"): "'losses'",
    ("list", "generatrs"): "'generators'",
}


@pytest.mark.parametrize("arguments", TYPED)
def test_a_typing_error_gets_the_name_that_was_meant(ganzoo, arguments):
    is_refused(ganzoo(*arguments), 2, "Did you mean", TYPED[arguments])


FILES = {
    "[recpie]\nlatent = 3": "'recipe'",
    "[recipe]\nlatnet = 3": "'latent'",
    "[recipe.generater]\nname = 'vanilla'": "'generator'",
    "[recipe.generator]\nname = 'vanila'": "'vanilla'",
    "[recipe.generator]\nname = 'gaussian'\nwidht = 3": "'width'",
    "[run]\nsede = 1": "'seed'",
    "[run]\nprecision = 'flaot32'": "'float32'",
}


@pytest.mark.parametrize("text", FILES)
def test_a_typing_error_in_a_file_too(ganzoo, tmp_path, text):
    (tmp_path / "typed.toml").write_text(text)
    is_refused(ganzoo(*RUN, "--config", str(tmp_path / "typed.toml")), 2, "Did you mean", FILES[text])


WRONG_FILES = {
    "recipe = 3": "must be tables",
    "format = 99": "Upgrade",
    "[recipe]\nlatent = 'x'": "latent is 'x'; it must be a whole number",
    "[recipe]\nlatent = 1979-05-27": "it must be a whole number",
    "[recipe]\nvalue_range = [1, 0]": "the first must be smaller",
    "[recipe]\nepochs = 1\nsteps = 3": "exactly one of epochs, steps and images",
    "[recipe]\ngenerator = 3": "generator must be a name",
    "[recipe]\ncallback = [1, 2]": "callback must be a name",
    "[recipe.generator]\nname = 'gaussian'\nwidth = {a = 1}": "it must be a whole number",
    "[recipe.loss]\nname = 'os:getpid'": "accepted only when you type it yourself",
    "[recipe.loss]\nname = './x.py:Y'": "accepted only when you type it yourself",
    "[run]\nseed = -1": "seed is -1",
    "[run]\nthreads = 1000000": "threads is 1000000",
    "[run]\ncheckpoint_every = 'x'": "'x' is not an interval",
    "[run]\ndata = 3": "data is 3",
    "x = = 3": "cannot be read",
    "\x00": "cannot be read",
}


@pytest.mark.parametrize("text", WRONG_FILES)
def test_a_file_with_wrong_values(ganzoo, tmp_path, text):
    (tmp_path / "wrong.toml").write_text(text)
    is_refused(ganzoo(*HERE, "--batch", "10", "--config", str(tmp_path / "wrong.toml")), 2, WRONG_FILES[text])


def test_what_is_no_file_of_text(ganzoo, tmp_path):
    (tmp_path / "binary").write_bytes(bytes(range(256)))
    for path in (tmp_path / "binary", tmp_path, tmp_path / "absent", "/dev/null", ""):
        is_refused(ganzoo(*RUN, "--config", str(path)))


def test_a_file_may_say_how_often_to_save_and_where_the_data_are(ganzoo, tmp_path):
    said = f"checkpoint_every = '1steps'\ndata = '{tmp_path}'"
    (tmp_path / "right.toml").write_text(f"recipe.callback = []\n[run]\n{said}")
    assert ganzoo(*RUN, "--config", str(tmp_path / "right.toml"), "--out", "run").code == 0


# Numbers ----------------------------------------------------------------------------------------------------

WRONG_NUMBERS = {
    "epochs": ["0", "-1", "nan", "inf", "x", ""],
    "steps": ["0", "-1", "1.5", "1e3", "nan"],
    "images": ["0", "-1", "1.5"],
    "batch": ["0", "-3", "1.5", "x", ""],
    "latent": ["0", "-1", "x", "漢", "0x10"],
    "latent_distribution": ["cauchy", ""],
    "value_range": ["1,0", "1,1", "1", "1,2,3", "nan,1", "-inf,inf", "x,y"],
    "record_every_steps": ["0", "-1"],
    "ema_half_life_images": ["-1", "nan"],
    "generator.width": ["0", "-4", "1.5", "x", "none"],
    "d_optimizer.lr": ["0", "-1", "nan", "inf", "True", "1e300"],
    "dataset.size": ["0.5", "x"],
    "loss.real_target": ["-0.1", "1.1"],
    "game.g_every": ["0"],
    "generator": ["vanilla"],
    "callback": ["none"],
    "penalty.gamma": ["1"],
    "generator.": ["3"],
    ".width": ["3"],
    "": ["3"],
}


@pytest.mark.parametrize("path", WRONG_NUMBERS)
def test_wrong_numbers(ganzoo, path):
    for value in WRONG_NUMBERS[path]:
        done = ganzoo(*HERE, "--batch", "10", "--out", "run", "--set", f"{path}={value}")
        if value == "1e300":  # found out in the first step
            assert done.code == 6
            assert "Try a lower learning rate" in done.err
        else:
            is_refused(done)


def test_a_number_that_torch_cannot_take(ganzoo):
    large = ("--set", "d_optimizer.momentum=0.5", "--set", "d_optimizer.lr=1e300")
    done = ganzoo(*HERE, "--batch", "10", "--out", "run", *large)
    assert done.code == 2
    assert "too large for float32" in done.err


WRONG_OPTIONS = [
    ["--threads", "0"],
    ["--threads", "1000000000"],
    ["--seed", "-1"],
    ["--seed", "1.5"],
    ["--seed", str(2**63)],
    ["--batch", "0"],
    ["--epochs", "0"],
    ["--epochs", "1", "--steps", "1"],
    ["--images", "-5"],
    ["--device", "tpu"],
    ["--precision", "float16"],
    ["--data", "absent"],
    ["--checkpoint-every", "0"],
    ["--checkpoint-every", "-1s"],
    ["--checkpoint-every", "often"],
    ["--sample-every", "3s"],
    ["--loss", "os:nothing"],
    ["--loss", "nothing.at.all:X"],
    ["--loss", "./absent.py:X"],
    ["--set", "latent"],
    ["--nonsense"],
    ["a", "b"],
]


@pytest.mark.parametrize("arguments", WRONG_OPTIONS, ids=" ".join)
def test_wrong_options(ganzoo, arguments):
    is_refused(ganzoo(*HERE, *arguments))


def test_endless_runs_are_no_mistake():
    assert api.run("gaussian", "gaussian", epochs=1.7e308, dry_run=True).total_steps == 10**18
    assert api.run("gaussian", "gaussian", images=10**300, dry_run=True).total_steps > 10**200


@pytest.mark.parametrize("run", ["absent", "", ".", "a\0b", "x" * 300, "/dev/null"])
def test_what_is_no_run_cannot_be_resumed(ganzoo, run):
    is_refused(ganzoo("resume", run))


# Samples ----------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """A conditional run on little digits."""
    out = tmp_path_factory.mktemp("trained") / "run"
    small.train(out, 1, "cgan", dataset="standin:digits")
    return str(out)


WRONG_SAMPLES = [
    ["-n", "0"],
    ["-n", "-1"],
    ["-n", "x"],
    ["--seed", "x"],
    ["--label", "10"],
    ["--label", "-1"],
    ["--label", "3,99,7"],
    ["--label", "99999999999999999999999"],
    ["--label", ""],
    ["--label", "x"],
    ["--label", "3x"],
    ["--label", "0x7"],
    ["--label", "1000000000x7"],
    ["--label", "3x7x9"],
    ["--label", "1.5"],
    ["--out", "a.jpg"],
    ["--out", "absent/a.png"],
    ["--out", "x" * 300],
    ["--out", "a\0b.png"],
    ["--out", "."],
    ["--out", ""],
]


@pytest.mark.parametrize("arguments", WRONG_SAMPLES, ids=" ".join)
def test_wrong_wishes_for_samples(ganzoo, trained, arguments):
    is_refused(ganzoo("sample", trained, "--out", "a.png", *arguments))


def test_force_puts_no_folder_in_place_of_a_file_nor_the_other_way_round(ganzoo, trained, tmp_path):
    (tmp_path / "file").write_text("mine")
    (tmp_path / "folder.png").mkdir()
    is_refused(ganzoo("sample", trained, "--force", "--out", str(tmp_path / "file")), 2, "is a file")
    is_refused(ganzoo("sample", trained, "--force", "--out", str(tmp_path / "folder.png")), 2, "is a folder")
    assert (tmp_path / "file").read_text() == "mine"
