"""ganzoo: a plugin-based zoo of generative adversarial networks."""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from ganzoo.api import load, resume, run
    from ganzoo.recipe import Part, Recipe
    from ganzoo.spec import DataSpec

__all__ = ["DataSpec", "Part", "Recipe", "load", "resume", "run"]

_HOMES = {
    "run": "ganzoo.api",
    "resume": "ganzoo.api",
    "load": "ganzoo.api",
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
