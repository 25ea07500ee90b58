import re

import msgspec
import numpy as np
import pytest
from evaluate.__main__ import main
from evaluate.results import Results


def test_without_any_trace_it_says_where_to_get_them_from(tmp_path, capsys):
    options = ["--data", str(tmp_path / "none"), "--cache", str(tmp_path), "--out", str(tmp_path)]
    assert main(options) == 2
    told = capsys.readouterr().err
    assert "LEFT OUT: Azure cluster" in told
    assert "--data" in told


@pytest.mark.slow
def test_a_trace_of_ones_own_from_file_to_page_and_again_from_the_cache(tmp_path, capsys):
    minutes = np.arange(1200)
    load = 20 + 10 * np.sin(2 * np.pi * minutes / 1440) + np.random.default_rng(1).normal(size=len(minutes))
    rows = [f"{60 * minute},{value:.4f}" for minute, value in zip(minutes, load, strict=True)]
    (tmp_path / "load.csv").write_text("time,mine\n" + "\n".join(rows))
    out = tmp_path / "docs"
    options = ["--traces", "no such", "--add", "load.csv:mine", "--data", str(tmp_path), "--jobs", "1"]
    options += ["--modes", "budget", "--leads", "4", "--cache", str(tmp_path / "cache"), "--out", str(out)]
    assert main(options) == 0
    assert "[3/3]" in capsys.readouterr().err  # the forecasts, and two budgets
    page = (out / "results.md").read_text()
    links = [link for link in re.findall(r"\]\(([^)]+)\)", page) if not link.startswith("../")]
    assert "results/budgets.png" in links
    assert all((out / link).exists() for link in links)
    (trace,) = msgspec.json.decode((out / "results" / "results.json").read_bytes(), type=Results).traces
    assert trace.minutes == 600
    assert 1.0 <= trace.leads["4"].budgets["1%"].cost < 3.0
    assert not trace.judged
    assert main(options) == 0
    assert "0 pieces of work to do" in capsys.readouterr().err
    assert (out / "results.md").read_text() == page
