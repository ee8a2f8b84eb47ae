"""`ganzoo sample`: draw from a trained generator."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import click

from ganzoo import storage
from ganzoo.cli import _options, _output
from ganzoo.errors import UsageError
from ganzoo.options import Bounds, convert

if TYPE_CHECKING:
    from torch import Tensor

    from ganzoo.engine.sampling import Trained

MOST_LABELS = Annotated[int, Bounds(1, 1_000_000)]


@click.command("sample")
@click.argument("source", type=_options.FOLDER)
@click.option("-n", "--count", type=int, default=64, show_default=True, help="How many.")
@click.option(
    "--input",
    "given",
    type=_options.FOLDER,
    help="What to make them of: a folder of pictures, a picture or FILE.npy.",
)
@click.option("--label", metavar="3,7,7", help="Which classes, repeated in turn; 3x7 is three sevens.")
@click.option("--seed", type=int, default=0, show_default=True, help="Decides the noise.")
@click.option("--out", type=_options.FOLDER, required=True, help="FILE.png (a grid), FILE.npy, or a folder.")
@click.option("--generator", metavar="PATH", help="Where the generator is, if no package brings it.")
@click.option("--force", is_flag=True, help="Replace what --out names.")
def command(
    source: Path,
    count: int,
    given: Path | None,
    label: str | None,
    seed: int,
    out: Path,
    generator: str | None,
    force: bool,
) -> None:
    """Draw samples from SOURCE, a run directory or a generator.safetensors file.

    A PNG file gets one grid, a .npy file float32 (N, *shape), in [-1, 1] for pictures, a folder one picture
    each. A generator that makes pictures of pictures needs --input.
    """
    check_target(out, force)
    labels = None if label is None else parse_labels(label)
    explicit = (
        click.get_current_context().get_parameter_source("count") is not click.core.ParameterSource.DEFAULT
    )

    from ganzoo.engine.generator_file import load

    trained = load(source, generator)
    if given is not None:
        samples = translated(trained, given, count if explicit else None, labels)
    else:
        samples = trained.sample(count if explicit or labels is None else len(labels), labels, seed)
    write(samples, trained, out)
    _output.write(f"{len(samples)} samples in {out}")


def translated(trained: "Trained", given: Path, count: int | None, labels: list[int] | None) -> "Tensor":
    """What a generator makes of the first pictures of --input, or of all. Raises UsageError, DataError."""
    from ganzoo.engine import inputs

    pictures = inputs.read(given, trained.source)
    if count is not None and not 1 <= count <= len(pictures):
        raise UsageError(f"{count} were asked for and {given} holds {len(pictures)}. Ask for 1 to so many.")
    return trained.translate(pictures[:count], labels)


def check_target(out: Path, force: bool) -> None:
    """Raise UsageError where samples cannot be written to what --out names."""
    try:
        exists, is_folder = out.exists(), out.is_dir()
    except OSError as error:
        raise UsageError(f"--out cannot be {str(out)[:80]!r}: {error.strerror}.") from error
    if exists and not force:
        raise UsageError(f"{out} exists already. Choose another --out, or add --force.")
    if out.suffix not in ("", ".png", ".npy"):
        raise UsageError(f"{out} is neither FILE.png, FILE.npy nor a folder.")
    if exists and is_folder != (out.suffix == ""):
        raise UsageError(f"{out} is {'a folder' if is_folder else 'a file'}. Choose another --out.")
    if not out.parent.is_dir():
        raise UsageError(f"there is no folder {out.parent}.")


def parse_labels(text: str) -> list[int]:
    """`3,7,7` or `3x7,9` (three sevens and a nine) as a list of labels. Raises UsageError."""
    labels: list[int] = []
    for item in text.split(","):
        times, _, label = item.strip().rpartition("x")
        labels += [convert("--label", int, label)] * convert("--label", MOST_LABELS, times or "1")
    return labels


def write(samples: "Tensor", trained: "Trained", out: Path) -> None:
    """Write samples as a grid, an array or a folder of pictures. Raises UsageError and ResourceError."""
    import io

    import numpy as np

    from ganzoo import pictures

    if out.suffix == ".npy":
        content = io.BytesIO()
        np.save(content, samples.numpy(), allow_pickle=False)
        storage.write(out, content.getvalue())
    elif not trained.spec.is_image:
        raise UsageError("these samples are vectors, not pictures. Write them with --out FILE.npy.")
    elif out.suffix == ".png":
        storage.write(out, pictures.png(pictures.grid(samples, (-1.0, 1.0))))
    else:
        out.mkdir(exist_ok=True)
        digits = len(str(len(samples) - 1))
        for index, sample in enumerate(samples):
            one = pictures.grid(sample[None], (-1.0, 1.0), scale=1)
            storage.write(out / f"{index:0{digits}d}.png", pictures.png(one))
