"""`ganzoo show`: everything about the components of one name."""

import json

import pytest

GAN = '''
    """A GAN of mine (Me, 2024)."""

    from ganzoo.options import PositiveInt

    class Generator:
        """A generator of mine.

        width: how wide it is.
        """

        def __init__(
            self, spec, latent, *, width: PositiveInt = 8, betas: tuple[float, float] = (0.5, 0.9), depth: int
        ):
            pass

    def command(): ...
'''


def lines_of(text):
    return [line.split() for line in text.splitlines()]


def test_a_name_is_shown_in_every_kind_that_has_it(ganzoo):
    done = ganzoo("show", "vanilla")
    assert (done.code, done.err) == (0, "")
    heads = [line for line in done.out.splitlines() if line and not line.startswith(" ")]
    assert heads == ["recipe vanilla", "generator vanilla", "discriminator vanilla"]
    assert ["paper", "Goodfellow", "et", "al.,", "2014,", "arXiv:1406.2661"] in lines_of(done.out)


def test_a_recipe_shows_its_parts_and_numbers(ganzoo):
    lines = lines_of(ganzoo("show", "vanilla", "--kind", "recipe").out)
    assert ["generator", "vanilla"] in lines
    assert ["d_optimizer", "adam", "lr=0.0002", "betas=0.9,0.999"] in lines
    assert ["callback", "samples", "every_epochs=10", "count=16"] in lines
    assert ["batch", "200", "a", "whole", "number", ">=", "1"] in lines


def test_options_are_shown_as_one_would_type_them(ganzoo, install_plugin):
    file = install_plugin("my-gan", {"generators": {"mine": "my_gan:Generator"}}, GAN, version="0.3")
    done = ganzoo("show", "mine")
    lines = lines_of(done.out)
    assert ["width", "8", "a", "whole", "number", ">=", "1"] in lines
    assert ["betas", "0.5,0.9", "2", "values:", "a", "number,", "a", "number"] in lines
    assert ["depth", "required", "a", "whole", "number"] in lines
    assert ["package", "my-gan", "0.3"] in lines
    assert ["where", "my_gan:Generator", f"({file})"] in lines
    assert ["width:", "how", "wide", "it", "is."] in lines
    assert ganzoo("show", "my-gan/mine").out == done.out


def test_json_is_one_document(ganzoo, install_plugin):
    install_plugin("my-gan", {"generators": {"mine": "my_gan:Generator"}}, GAN)
    (shown,) = json.loads(ganzoo("show", "mine", "--json").out)
    assert shown["options"] == [
        {"name": "width", "type": "a whole number >= 1", "required": False, "default": 8},
        {"name": "betas", "type": "2 values: a number, a number", "required": False, "default": [0.5, 0.9]},
        {"name": "depth", "type": "a whole number", "required": True, "default": None},
    ]
    assert (shown["kind"], shown["error"], shown["recipe"]) == ("generators", None, None)
    (recipe,) = json.loads(ganzoo("show", "vanilla", "--kind", "recipes", "--json").out)
    assert recipe["recipe"]["latent"] == 100


def test_an_import_path_is_shown_with_its_kind(ganzoo, tmp_path):
    (tmp_path / "mine.py").write_text(
        "class G:\n    '''Mine.'''\n    def __init__(self, spec, *, width: int = 1): ...\n"
    )
    path = f"{tmp_path}/mine.py:G"
    done = ganzoo("show", path, "--kind", "generator")
    assert done.code == 0
    assert ["width", "1", "a", "whole", "number"] in lines_of(done.out)
    assert ganzoo("show", "json:dumps", "--kind", "loss").code == 0
    without = ganzoo("show", path)
    assert (without.code, without.out) == (2, "")
    assert "--kind generator" in without.err


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (["vanila"], 2, "nothing is named 'vanila'. Did you mean 'vanilla'?"),
        (["ganzoo/hinje"], 2, "Did you mean 'ganzoo/hinge'?"),
        (["vanilla", "--kind", "lossy"], 2, "Did you mean 'losses'?"),
        (["hinge", "--kind", "generator"], 2, "'hinge' is one of the losses, not of the generators."),
        (["./absent.py:G", "--kind", "generator"], 2, "there is no file absent.py"),
        (["json:dmps", "--kind", "loss"], 2, "Did you mean"),
        ([], 2, "Missing argument"),
    ],
)
def test_what_is_unknown_is_a_usage_error(ganzoo, arguments, code, message):
    done = ganzoo("show", *arguments)
    assert (done.code, done.out) == (code, "")
    assert message in done.err


def test_a_broken_plugin_is_shown_with_the_reason(ganzoo, install_plugin):
    file = install_plugin("broken", {"generators": {"broken": "broken:Generator"}}, GAN + "\n    1 / 0\n")
    done = ganzoo("show", "broken")
    assert done.code == 5
    place = f"({file}:{len(file.read_text().splitlines())})"
    reason = f"generator broken/broken cannot be imported: ZeroDivisionError: division by zero {place}"
    assert done.err == f"ganzoo: {reason}\n"
    assert ["what", "A", "generator", "of", "mine."] in lines_of(done.out)
    assert place in done.out
    shown = ganzoo("show", "broken", "--json")
    assert shown.code == 5
    assert "ZeroDivisionError" in json.loads(shown.out)[0]["error"]


def test_a_recipe_that_is_none_is_a_broken_plugin(ganzoo, install_plugin):
    install_plugin("odd", {"recipes": {"odd": "odd:RECIPE"}}, "RECIPE = {}")
    done = ganzoo("show", "odd")
    assert done.code == 5
    assert "recipe odd/odd is a dict, not a Recipe." in done.err


def test_annotations_that_cannot_be_read_are_a_broken_plugin(ganzoo, install_plugin):
    install_plugin("odd", {"losses": {"odd": "odd:loss"}}, "def loss(*, x: 'Absent' = 1): ...")
    done = ganzoo("show", "odd")
    assert done.code == 5
    assert "cannot read the options" in done.err


def test_two_claims_on_a_name_are_both_shown_and_an_error(ganzoo, install_plugin):
    for name in ("left", "right"):
        install_plugin(name, {"losses": {"twin": f"{name}:command"}}, GAN)
    done = ganzoo("show", "twin")
    assert done.code == 5
    assert {"left:command", "right:command"} <= {word for line in lines_of(done.out) for word in line}
    assert "left 1.0 and right 1.0 both bring losses named 'twin'" in done.err
    assert ganzoo("show", "left/twin").code == 0


def test_a_built_in_name_that_a_plugin_takes_shows_both(ganzoo, install_plugin):
    install_plugin("impostor", {"losses": {"bce": "impostor:command"}}, GAN)
    done = ganzoo("show", "bce")
    assert done.code == 0
    assert [line[:1] for line in lines_of(done.out)].count(["where"]) == 2
    assert "impostor" not in ganzoo("show", "bce", "--kind", "loss").out
