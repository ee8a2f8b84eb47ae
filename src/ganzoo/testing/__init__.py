"""Contract checks for authors of components: what each kind promises, put to the test.

In the tests of a plugin:

    @pytest.mark.parametrize(("kind", "name"), components("my-package"))
    def test_contract(kind, name):
        contract(kind, name)
"""

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any

from ganzoo import registry
from ganzoo.spec import DataSpec
from ganzoo.testing._common import NONE, SPECS, ContractError, draw
from ganzoo.testing._data import check_command, check_dataset, check_metric, check_optimizer, check_schedule
from ganzoo.testing._losses import check_loss, check_penalty
from ganzoo.testing._networks import check_discriminator, check_generator
from ganzoo.testing._runs import check_callback, check_game, check_recipe

__all__ = [
    "SPECS",
    "ContractError",
    "check_callback",
    "check_command",
    "check_dataset",
    "check_discriminator",
    "check_game",
    "check_generator",
    "check_loss",
    "check_metric",
    "check_optimizer",
    "check_penalty",
    "check_recipe",
    "check_schedule",
    "components",
    "contract",
    "draw",
]

CHECKS: Mapping[str, Callable[..., None]] = MappingProxyType(
    {
        "recipes": check_recipe,
        "generators": check_generator,
        "discriminators": check_discriminator,
        "losses": check_loss,
        "penalties": check_penalty,
        "datasets": check_dataset,
        "games": check_game,
        "optimizers": check_optimizer,
        "schedules": check_schedule,
        "metrics": check_metric,
        "callbacks": check_callback,
        "commands": check_command,
    }
)


def components(package: str | None = None) -> list[tuple[str, str]]:
    """The kind and full name of every installed component, or of those of one package."""
    return [(c.kind, c.full_name) for c in registry.components() if package in (None, c.package)]


def contract(kind: str, name: str, options: Mapping[str, Any] = NONE, *specs: DataSpec) -> None:
    """Check that a component keeps the promises of its kind. Raises ContractError.

    name: of an installed component, or `module:attribute`. specs: for networks, the data to try them on.
    """
    CHECKS[registry.kind_of(kind)](name, options, *specs)
