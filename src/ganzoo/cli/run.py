"""`ganzoo run`: train a recipe on a data set."""

from pathlib import Path
from typing import Any

import click

from ganzoo.cli import _options, _output
from ganzoo.engine import directory, launch


@click.command("run")
@click.argument("recipe", required=False)
@click.argument("dataset", required=False)
@click.option("--loss", metavar="NAME", help="Another loss.")
@click.option("--generator", metavar="NAME", help="Another generator.")
@click.option("--discriminator", metavar="NAME", help="Another discriminator.")
@click.option(
    "--penalty", multiple=True, metavar="NAME", help="A penalty for the discriminator; may be repeated."
)
@click.option(
    "--constraint", multiple=True, metavar="NAME", help="What D's weights keep to; may be repeated."
)
@click.option("--augmentation", multiple=True, metavar="NAME", help="What D sees changed; may be repeated.")
@click.option("--callback", multiple=True, metavar="NAME", help="A further callback; may be repeated.")
@click.option("--set", "assignments", multiple=True, metavar="PART.OPTION=VALUE", help="Change one value.")
@click.option("--config", type=_options.FOLDER, metavar="FILE", help="A run.toml, or some of its tables.")
@_options.length
@click.option("--batch", type=int, metavar="N", help="Real samples a step.")
@click.option("--seed", type=int, metavar="N", help="Decides weights, noise and order.  [0]")
@click.option("--out", type=_options.FOLDER, help="The run directory.  [runs/RECIPE-DATASET-0001]")
@click.option("--precision", type=click.Choice(["float32", "tf32", "bfloat16", "float64"]), help="[float32]")
@_options.machine
@_options.ranks
@click.option(
    "--on-nonfinite", type=click.Choice(["stop", "rollback"]), help="After NaN or infinity.  [stop]"
)
@click.option("--sample-every", metavar="N", help="Draw samples every N epochs, or 400steps.")
@click.option("--evaluate-every", metavar="N", help="Measure every N epochs, or 400steps; keep the best.")
@click.option("--dry-run", is_flag=True, help="Check that everything fits; load no data and write nothing.")
@_options.face
def command(
    assignments: tuple[str, ...],
    quiet: bool,
    as_json: bool,
    dry_run: bool,
    penalty: tuple[str, ...],
    constraint: tuple[str, ...],
    augmentation: tuple[str, ...],
    callback: tuple[str, ...],
    ranks: int | None,
    **given: Any,
) -> None:
    """Train RECIPE on DATASET and leave pictures, curves and a generator.

    Names are those of `ganzoo list`; a part may also be module:attribute or ./file.py:Name.
    """
    out: Path | None = given["out"]
    if launch.place().begins:
        directory.choose(out, given["recipe"] or "run", given["dataset"] or "")  # before torch is imported
    values = _options.pairs(assignments)
    _options.show_messages(quiet)
    _options.start_ranks(ranks, given["device"])

    from ganzoo import api
    from ganzoo.cli import _summary
    from ganzoo.cli._progress import progress

    made = api.run(
        **given,
        penalty=penalty or None,
        constraint=constraint or None,
        augmentation=augmentation or None,
        callback=callback,
        set=values,
        dry_run=dry_run,
        listeners=[progress(quiet)],
    )
    if not made.group.is_first:
        return
    if as_json:
        _output.write_json(_summary.as_table(made))
    elif dry_run:
        _output.write(_summary.fitting(made))
    elif not quiet:
        _output.write(_summary.closing(made))
