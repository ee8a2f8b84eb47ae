"""Contract checks for authors of components: what each kind promises, put to the test.

In the tests of a plugin:

    @pytest.mark.parametrize(*contract_of("my-package"))
    def test_contract(kind, name, check):
        contract(kind, name, check)
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, Literal

from ganzoo import registry
from ganzoo.engine import faults
from ganzoo.engine.resolve import Resolved
from ganzoo.errors import GanzooError, PluginError, UsageError
from ganzoo.options import complete, options_of, suggest
from ganzoo.registry import Component
from ganzoo.spec import DataSpec
from ganzoo.testing import _callbacks, _data, _losses, _networks, _runs, _small, _views
from ganzoo.testing._common import (
    IMPORT,
    NONE,
    SPECS,
    Check,
    ContractError,
    Subject,
    Untried,
    draw,
    watching,
)

__all__ = [
    "CHECKS",
    "SPECS",
    "Check",
    "ContractError",
    "Outcome",
    "Untried",
    "components",
    "contract",
    "contract_of",
    "draw",
    "examine",
]

_OF_KINDS: Mapping[str, tuple[Check, ...]] = {
    "recipes": _runs.RECIPES,
    "generators": _networks.GENERATORS,
    "discriminators": _networks.DISCRIMINATORS,
    "losses": _losses.LOSSES,
    "penalties": _losses.PENALTIES,
    "constraints": _views.CONSTRAINTS,
    "augmentations": _views.AUGMENTATIONS,
    "datasets": _data.DATASETS,
    "games": _runs.GAMES,
    "optimizers": _small.OPTIMIZERS,
    "schedules": _small.SCHEDULES,
    "metrics": _data.METRICS,
    "callbacks": _callbacks.CALLBACKS,
    "commands": _small.COMMANDS,
}
# Every check of every kind, in the order in which they are made.
CHECKS: Mapping[str, tuple[Check, ...]] = MappingProxyType(
    {kind: (IMPORT, *checks) for kind, checks in _OF_KINDS.items()}
)


@dataclass(frozen=True)
class Outcome:
    """What came of one check: whether the promise is kept, and the reason where it is not, or not tried."""

    check: Check
    status: Literal["pass", "fail", "untried"]
    reason: str = ""


def components(package: str | None = None) -> list[tuple[str, str]]:
    """The kind and full name of every installed component, or of those of one package."""
    return [(c.kind, c.full_name) for c in registry.components() if package in (None, c.package)]


def contract_of(package: str) -> tuple[tuple[str, str, str], list[tuple[str, str, str]]]:
    """The arguments of `pytest.mark.parametrize`: kind, name and check, for all components of a package.

    No component is imported. Raises UsageError where no installed package of this name brings any.
    """
    found = components(package)
    if not found:
        known = suggest(package, {c.package for c in registry.components()})
        raise UsageError(f"no installed package {package!r} brings components.{known} Install it first.")
    return ("kind", "name", "check"), [(kind, name, c.name) for kind, name in found for c in CHECKS[kind]]


def contract(
    kind: str,
    target: object,
    check: str | None = None,
    *,
    options: Mapping[str, Any] = NONE,
    specs: Sequence[DataSpec] = SPECS,
) -> None:
    """Check that a component keeps the promises of its kind, or the one promise that `check` names.

    target: the name of an installed component, `module:attribute`, or the component itself. specs: for
    networks, the data to try them on. Raises ContractError, and Untried where a named check cannot be made.
    """
    kind = registry.kind_of(kind)
    chosen = [each for each in CHECKS[kind] if check in (None, each.name)]
    if not chosen:
        known = suggest(str(check), [each.name for each in CHECKS[kind]])
        raise UsageError(f"there is no check {check!r} of {kind}.{known}")
    for each in chosen:
        try:
            _make(each, kind, target, options, specs)
        except Untried:
            if check is not None:
                raise


def examine(
    kind: str, target: object, *, options: Mapping[str, Any] = NONE, specs: Sequence[DataSpec] = SPECS
) -> Iterator[Outcome]:
    """What comes of every check of a component, one after the other; arguments as of `contract`.

    A component that cannot be imported, or lacks an option that it needs, gets no further than that.
    """
    kind = registry.kind_of(kind)
    for check in CHECKS[kind]:
        outcome = _outcome(check, kind, target, options, specs)
        yield outcome
        if check is IMPORT and outcome.status != "pass":
            return


def _outcome(
    check: Check, kind: str, target: object, options: Mapping[str, Any], specs: Sequence[DataSpec]
) -> Outcome:
    try:
        _make(check, kind, target, options, specs)
    except ContractError as error:
        return Outcome(check, "fail", str(error))
    except (Untried, UsageError) as error:
        return Outcome(check, "untried", str(error))
    return Outcome(check, "pass")


def _make(
    check: Check, kind: str, target: object, options: Mapping[str, Any], specs: Sequence[DataSpec]
) -> None:
    """Make one check; whatever it changes of the process is put back."""
    subject = failure = None
    with watching() as changed:
        try:
            subject = Subject(_resolved(kind, target, options), specs)
            check.run(subject)
        except (ContractError, Untried) as error:
            failure = error
        except (Exception, SystemExit) as error:
            if subject is None and not isinstance(error, PluginError):
                raise
            failure = ContractError(_explained(error, subject, check))
            failure.__cause__ = error
    touched = [] if check.allowed is None else [name for name in changed if name not in check.allowed]
    if subject is not None:
        subject.expect(not touched, "the process left alone", f"a change of {', '.join(touched)}")
    if failure is not None:
        raise failure


def _explained(error: BaseException, subject: Subject | None, check: Check) -> str:
    if subject is None or isinstance(error, GanzooError):
        return str(error)
    return str(faults.failure(subject.part, f"in the check {check.name}", error))


def _resolved(kind: str, target: Any, options: Mapping[str, Any]) -> Resolved:
    if isinstance(target, str):
        component = registry.find(kind, target, typed=True)
        target = component.load()
    else:
        name, module = getattr(target, "__qualname__", kind), getattr(target, "__module__", "")
        component = Component(kind, name, registry.TYPED, "", f"{module}:{name}")
    role = "dataset" if kind == "datasets" else registry.singular(kind)
    known = options_of(target) if kind not in ("recipes", "commands") else {}
    return Resolved(role, component, target, complete(f"{role} {component.name}", known, options))
