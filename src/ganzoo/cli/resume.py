"""`ganzoo resume`: go on with a run."""

from pathlib import Path
from typing import Any

import click

from ganzoo.cli import _options, _output
from ganzoo.engine import directory


@click.command("resume")
@click.argument("run", type=_options.FOLDER)
@_options.length
@_options.machine
@_options.ranks
@click.option("--on-nonfinite", type=click.Choice(["stop", "rollback"]), help="After NaN.  [as before]")
@click.option("--allow-other-data", is_flag=True, help="Go on even if the training data have changed.")
@click.option("--generator", metavar="PATH", help="Where the generator is, if no package brings it.")
@click.option("--discriminator", metavar="PATH", help="Where the discriminator is, likewise.")
@click.option("--loss", metavar="PATH", help="Where the loss is, likewise.")
@click.option("--dataset", metavar="PATH", help="Where the data set is, likewise.")
@click.option("--callback", multiple=True, metavar="NAME", help="A further callback; may be repeated.")
@_options.face
def command(run: Path, quiet: bool, as_json: bool, ranks: int | None, **given: Any) -> None:
    """Go on with RUN, a run directory, from its newest checkpoint; lengths are new totals.

    The parts, the seed and every number come from the run's own run.toml.
    """
    directory.existing(run)  # before torch is imported
    _options.show_messages(quiet)
    _options.start_ranks(ranks, given["device"])
    roles = ("generator", "discriminator", "loss", "dataset")
    typed = {role: value for role in roles if (value := given.pop(role)) is not None}

    from ganzoo import api
    from ganzoo.cli import _summary
    from ganzoo.cli._progress import progress

    made = api.resume(run, **given, typed=typed, listeners=[progress(quiet)])
    if not made.group.is_first:
        return
    if as_json:
        _output.write_json(_summary.as_table(made))
    elif not quiet:
        _output.write(_summary.closing(made))
