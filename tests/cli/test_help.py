"""Help and completion, as a user at a terminal of 80 columns meets them."""

import os
import subprocess
import sys

import pytest

from forescale.cli import COMMANDS, main


@pytest.fixture
def shown(capsys, monkeypatch):
    """What `forescale ARGS` prints."""

    def run(*args):
        monkeypatch.setattr(sys, "argv", ["forescale", *args])
        monkeypatch.setenv("COLUMNS", "80")
        with pytest.raises(SystemExit) as stopped:
            main()
        assert not stopped.value.code
        return capsys.readouterr().out

    return run


@pytest.mark.parametrize("command", COMMANDS)
def test_each_command_has_help_that_fits_80_columns_and_shows_it_used(shown, command):
    text = shown(command, "--help")
    assert all(len(line) <= 80 for line in text.splitlines())
    assert any(line.startswith(f"   forescale {command}") for line in text.splitlines())


def test_sentences_break_where_the_terminal_ends(shown):
    lines = [line.strip() for line in shown("demo", "--help").splitlines()]
    assert any(line.startswith("Starts a local AWS") and line.endswith("in this process,") for line in lines)
    assert any(line.startswith("plays the load as CloudWatch metrics") for line in lines)


def test_all_commands_are_listed(shown):
    text = shown("--help")
    assert all(f"│ {name} " in text for name in COMMANDS)
    assert "Exit codes" in text


def completed(**environment):
    """What the command answers to a shell that completes."""
    program = "from forescale.cli import main; import sys; sys.argv[0] = 'forescale'; main()"
    found = subprocess.run(
        [sys.executable, "-c", program],
        env=os.environ | {"_FORESCALE_COMPLETE": "complete_bash"} | environment,
        capture_output=True,
        text=True,
        check=True,
    )
    return found.stdout.split()


def test_a_shell_completes_commands_and_options():
    assert completed(COMP_WORDS="forescale re", COMP_CWORD="1") == ["replay", "resume"]
    assert completed(COMP_WORDS="forescale backtest --tr", COMP_CWORD="2") == ["--trace"]
