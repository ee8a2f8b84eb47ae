"""ganzoo: a plugin-based zoo of generative adversarial networks."""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from ganzoo.api import evaluate, load, resume, run
    from ganzoo.comparison import compare
    from ganzoo.recipe import Part, Recipe
    from ganzoo.spec import DataSpec
    from ganzoo.studies.study import study

__all__ = ["DataSpec", "Part", "Recipe", "compare", "evaluate", "load", "resume", "run", "study"]

_HOMES = {
    "run": "ganzoo.api",
    "resume": "ganzoo.api",
    "load": "ganzoo.api",
    "evaluate": "ganzoo.api",
    "study": "ganzoo.studies.study",
    "compare": "ganzoo.comparison",
    "Part": "ganzoo.recipe",
    "Recipe": "ganzoo.recipe",
    "DataSpec": "ganzoo.spec",
}


def __getattr__(name: str) -> Any:
    # What needs torch is imported when it is used: `import ganzoo` and `ganzoo list` stay quick.
    if name not in _HOMES:
        raise AttributeError(f"module 'ganzoo' has no attribute {name!r}")
    from importlib import import_module

    return getattr(import_module(_HOMES[name]), name)


def __dir__() -> list[str]:
    return sorted(__all__)
