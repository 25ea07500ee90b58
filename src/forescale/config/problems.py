"""What is wrong with a configuration, said so that it can be put right without looking further."""

import re
from collections.abc import Iterable

from forescale.model.errors import ConfigError
from forescale.model.value import Value

_URL_PASSWORD = re.compile(r"(://[^:@/\s]*:).*@")
_SECRET_KEY = re.compile(
    r"""(?ix) ( \b[\w-]*(?:password|passwd|secret|token|api_?key)[\w-]* ["']? \s* [:=] \s* )
        ( "[^"]*" | '[^']*' | (?!\$\{)[^\s,}&"']+ )"""
)


def mask(text: str) -> str:
    """The text with what looks like a password hidden: in a URL, and behind a key called so."""
    return _SECRET_KEY.sub(r"\1***", _URL_PASSWORD.sub(r"\1***@", text))


class Problem(Value, frozen=True):
    """One thing that is wrong: where, what was read, and what would be right.

    `line` and `column` count from 1; line 0 says that `file` is not a file but, for
    instance, an environment variable. `path` is the key with its parents, `excerpt` the
    offending line as it stands in the file, passwords hidden.
    """

    file: str
    line: int
    column: int
    path: str
    message: str
    read: str = ""
    expected: str = ""
    excerpt: str = ""

    @property
    def where(self) -> str:
        """`file:line:column`, which editors and terminals turn into a link."""
        return f"{self.file}:{self.line}:{self.column}" if self.line else self.file

    def __str__(self) -> str:
        """Where and what; then the line, with a mark below the place."""
        said = self.message + (f"; expected {self.expected}" if self.expected else "")
        text = f"{self.where}: {self.path + ': ' if self.path else ''}{said}"
        if not self.excerpt:
            return text
        number = f"{self.line:5d} | "
        return f"{text}\n{number}{self.excerpt}\n{' ' * (len(number) - 2)}| {' ' * (self.column - 1)}^"


class InvalidConfig(ConfigError):
    """Everything that is wrong with a configuration, at once."""

    def __init__(self, problems: Iterable[Problem], *, hint: str = "") -> None:
        self.problems = tuple(sorted(set(problems), key=lambda p: (p.file, p.line, p.column, p.message)))
        count = len(self.problems)
        title = "the configuration has an error:" if count == 1 else f"the configuration has {count} errors:"
        super().__init__("\n".join([title, *map(str, self.problems)]), hint=hint)
