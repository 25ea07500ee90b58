"""Help comes at once: nothing heavy is loaded for it. What is loaded is looked at, not how long it takes."""

import json
import subprocess
import sys

import pytest

from forescale.cli import COMMANDS

HEAVY = ("boto3", "botocore", "sqlalchemy", "alembic", "numpy", "ruamel", "moto", "structlog")
# Some versions of typer use pydantic themselves, where a command has parameters.
HEAVY_OF_ALL = (*HEAVY, "pydantic")
PROGRAM = """
import contextlib, io, json, sys
from forescale.cli import main

for command in json.loads(sys.argv[1]):
    sys.argv = ["forescale", *command, "--help"]
    with contextlib.redirect_stdout(io.StringIO()), contextlib.suppress(SystemExit):
        main()
    print(json.dumps(sorted({name.partition(".")[0] for name in sys.modules})))
"""


def loaded(*commands):
    """The packages that are loaded after the help of each command, one after the other."""
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, json.dumps(commands)], capture_output=True, text=True, check=True
    )
    return [json.loads(line) for line in done.stdout.splitlines()]


def test_the_help_of_all_loads_nothing_heavy_and_no_command():
    (packages,) = loaded([])
    assert set(packages).isdisjoint(HEAVY_OF_ALL)
    assert "typer" in packages


def test_the_help_of_each_command_loads_nothing_heavy():
    found = loaded(*([name] for name in COMMANDS))
    assert len(found) == len(COMMANDS)
    assert {name: set(p) & set(HEAVY) for name, p in zip(COMMANDS, found, strict=True)} == {
        name: set() for name in COMMANDS
    }


@pytest.mark.parametrize("args", [["--version"], ["status", "--nonsense"], ["nonsense"]])
def test_nor_does_a_mistake(args):
    program = PROGRAM.replace('*command, "--help"', "*command")
    done = subprocess.run([sys.executable, "-c", program, json.dumps([args])], capture_output=True, text=True)
    assert set(json.loads(done.stdout.splitlines()[-1])).isdisjoint(HEAVY)
