"""What a finished run tells its user: numbers, and the files to look at."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from ganzoo.callbacks.health import FILE as WARNINGS
from ganzoo.cli._output import printable
from ganzoo.engine.calls import takes
from ganzoo.engine.run import Run

LABELS = {
    "d_loss": "D loss",
    "g_loss": "G loss",
    "d_real": "D(x)",
    "d_fake": "D(G(z))",
    "real_score": "score of real",
    "fake_score": "score of fakes",
    "d_accuracy": "D accuracy",
    "g_accuracy": "G accuracy",
    "p_real": "p_real",
    "p_fake": "p_fake",
    "kl": "KL",
    "frechet": "Frechet",
    "modes": "modes",
}


def numbers(values: dict[str, float]) -> str:
    """The known numbers of a record on one line: `D loss 1.31  G loss 0.84`."""
    return "  ".join(f"{LABELS[k]} {v:.3f}" for k, v in values.items() if k in LABELS and v is not None)


def duration(seconds: float) -> str:
    """Seconds as people say them: `6 min 12 s`."""
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    if hours:
        return f"{hours} h {minutes} min"
    return f"{minutes} min {rest} s" if minutes else f"{seconds:.1f} s"


def last_numbers(run: Run) -> dict[str, float]:
    """The newest value of every number in metrics.jsonl."""
    newest: dict[str, float] = {}
    for record in run.metrics.read():
        newest |= record
    return newest


def files(run: Run) -> list[Path]:
    """What to look at: the newest samples, then the plots."""
    samples = sorted((run.directory / "samples").glob("*.png"))
    return [*samples[-1:], *sorted((run.directory / "plots").glob("*.png"))]


def warnings(run: Run) -> list[str]:
    """What the run's callback `health` warned of."""
    path = run.directory / WARNINGS
    return path.read_text("utf-8").splitlines() if path.is_file() else []


def closing(run: Run) -> str:
    """The summary of a finished run."""
    return "\n".join(map(printable, _closing(run)))


def _closing(run: Run) -> Iterator[str]:
    epochs = f"{run.epoch:g} epochs, " if run.epoch >= 1 else ""
    yield f"{run.name}: {epochs}{run.step:,} steps, {run.images:,} images, in {duration(run.seconds)}"
    yield f"  {numbers(last_numbers(run))}"
    for text in warnings(run):
        yield f"  warning  {text}"
    labels = ["look at"] + [""] * 20
    for label, path in zip(labels, files(run), strict=False):
        yield f"  {label:9}{path}"
    extra = " --label 3x7,9" if takes(run.game.generator.forward, "labels") else ""
    suffix = "png" if run.spec.is_image else "npy"
    yield f"  sample   ganzoo sample {run.directory}{extra} --out samples.{suffix}"
    yield f"  go on    ganzoo resume {run.directory} {further(run)}"


def further(run: Run) -> str:
    """The length that doubles the run."""
    recipe = run.recipe
    if recipe.epochs is not None:
        return f"--epochs {2 * recipe.epochs:g}"
    return (
        f"--steps {2 * recipe.steps}" if recipe.steps is not None else f"--images {2 * (recipe.images or 0)}"
    )


def fitting(run: Run) -> str:
    """What a dry run found: the parts, which fit."""
    recipe = run.recipe
    several = [*recipe.penalty, *recipe.constraint, *recipe.augmentation]
    parts = [recipe.generator, recipe.discriminator, recipe.loss, *several, recipe.game]
    sizes = ", ".join(
        f"{n} {sum(p.numel() for p in net.parameters()):,} weights" for n, net in run.game.players.items()
    )
    spec = run.dataset.spec
    labels = f", {spec.classes} classes" if spec.classes else ""
    return "\n".join(
        [
            f"{run.name}: the parts fit. Nothing was loaded or written.",
            f"  parts    {', '.join(dict.fromkeys(p.name for p in parts))}",
            f"  data     {spec.size:,} samples of {spec.shape_text}{labels}",
            f"  players  {sizes}",
            f"  length   {run.total_steps:,} steps of {recipe.batch}",
        ]
    )


def as_table(run: Run) -> dict[str, Any]:
    """A run as JSON shows it."""
    table = {"name": run.name, "recipe": run.recipe.to_table(), "run": run.settings.to_table()}
    if not run.directory.exists():
        return {**table, "fits": True, "steps": run.total_steps}
    return {
        **table,
        "directory": str(run.directory),
        "step": run.step,
        "images": run.images,
        "seconds": round(run.seconds, 3),
        "numbers": last_numbers(run),
        "warnings": warnings(run),
        "files": [str(path) for path in files(run)],
    }
