"""One HTML file with everything in it, and its plots beside it as PNG."""

import re
from base64 import b64encode
from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from forescale.model.errors import ConfigError
from forescale.ui.report.style import Plot

PAGE = "index.html"


def require_drawing() -> None:
    """Raises `ConfigError` where what draws reports is not installed: before any long work."""
    lacking = [name for name in ("matplotlib", "jinja2") if find_spec(name) is None]
    if lacking:
        raise ConfigError(
            f"a report needs {' and '.join(lacking)}, which is not installed",
            hint="pip install 'forescale[report]'",
        )


def write_page(folder: Path, template: str, plots: Sequence[Plot], values: dict[str, Any]) -> Path:
    """Fill a template in, and write it with its plots; gives the path of the page.

    The template has the plots by name as `plots`. The page needs none of the files beside it.
    Raises `ConfigError` where the folder cannot be written.
    """
    from jinja2 import Environment, PackageLoader, StrictUndefined

    env = Environment(
        loader=PackageLoader("forescale.ui.report"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    env.filters["kept"] = _kept
    html = env.get_template(template).render(**values, plots={drawn.name: _inline(drawn) for drawn in plots})
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for drawn in plots:
            (folder / f"{drawn.name}.png").write_bytes(drawn.wide)
        (folder / PAGE).write_text(html, encoding="utf-8")
    except OSError as error:
        raise ConfigError(
            f"the report cannot be written to {folder}: {error.strerror or error}",
            hint="choose another folder",
        ) from error
    return folder / PAGE


def _kept(text: str) -> str:
    """The text with its units kept on the line of their figures."""
    return re.sub(r"(?<=\d) (?=[%×h])", "\N{NO-BREAK SPACE}", text)


def _inline(drawn: Plot) -> dict[str, str]:
    def data(png: bytes) -> str:
        return f"data:image/png;base64,{b64encode(png).decode()}"

    return {"alt": drawn.alt, "wide": data(drawn.wide), "narrow": data(drawn.narrow)}
