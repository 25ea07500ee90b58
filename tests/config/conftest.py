"""A file as somebody wrote it, and what comes of loading it."""

import pytest

from forescale.config import InvalidConfig, load


@pytest.fixture
def write(tmp_path):
    """Write the configuration of this test; its path."""

    def write(text, name="forescale.yaml"):
        path = tmp_path / name
        path.write_bytes(text if isinstance(text, bytes) else text.encode())
        return path

    return write


@pytest.fixture
def loads(write):
    """Load a text."""
    return lambda text, env=None, ssm=None: load(write(text), env or {}, ssm)


@pytest.fixture
def problems(write):
    """What is wrong with a text: at least one thing."""

    def problems(text, env=None, ssm=None):
        with pytest.raises(InvalidConfig) as refused:
            load(write(text), env or {}, ssm)
        return refused.value.problems

    return problems


@pytest.fixture
def complaint(problems):
    """The one thing that is wrong with a text."""

    def complaint(text, env=None, ssm=None):
        (found,) = problems(text, env, ssm)
        return found

    return complaint
