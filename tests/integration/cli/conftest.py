from pathlib import Path

import pytest

from tests.support.caravan import Caravan
from tests.support.stack import Stack


@pytest.fixture
def stranger(echo_stack: Stack, tmp_path: Path) -> Caravan:
    """Somebody who has not logged in."""
    return Caravan(echo_stack.base_url, tmp_path)


@pytest.fixture
def caravan(echo_stack: Stack, tmp_path: Path) -> Caravan:
    """The administrator, by a token of the environment."""
    token = str(echo_stack.login().headers["Authorization"]).removeprefix("Bearer ")
    return Caravan(echo_stack.base_url, tmp_path, CARAVAN_TOKEN=token)
