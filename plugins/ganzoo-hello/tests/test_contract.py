"""Every part of this package keeps what its kind promises."""

import pytest
from ganzoo.testing import contract, contract_of


@pytest.mark.parametrize(*contract_of("ganzoo-hello"))
def test_contract(kind: str, name: str, check: str) -> None:
    contract(kind, name, check)
