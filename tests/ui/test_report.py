"""Reports: what they say, that they are whole, and that they need nothing else."""

import re
import struct

import numpy as np
import pytest

from forescale.engine.settings import TargetSettings
from forescale.model.decision import Decision, Direction
from forescale.model.errors import ConfigError
from forescale.model.forecast import Forecast
from forescale.model.state import State
from forescale.series.trace import Trace
from forescale.sim.backtest import backtest
from forescale.sim.comparison import Strategy, compare_strategies
from forescale.sim.generator import daily_load
from forescale.sim.record import Record
from forescale.ui.report import page, require_drawing, write_backtest, write_comparison

TRACKING = TargetSettings.model_validate({"policies": [{"type": "target_tracking"}]})


def report(folder, trace, peak=20, title="it", cfg=TRACKING, record=None):
    record = Record() if record is None else record
    result = backtest(cfg, trace, peak_instances=peak, lead=4, warmup=60, watch=record)
    written = write_backtest(folder, result, record, title=title, notes=["a note"])
    return result, written.read_text(encoding="utf-8")


def size(png):
    """Width and height in pixels."""
    assert png.startswith(b"\x89PNG")
    return struct.unpack(">II", png[16:24])


def words(html):
    """What a reader reads."""
    html = html.replace("\N{NO-BREAK SPACE}", " ")
    text = re.sub(r"<style>.*?</style>|<[^>]+>", " ", html, flags=re.DOTALL)
    return " ".join(text.split())


def test_a_page_holds_its_plots_in_both_shapes_and_refers_to_nothing(tmp_path):
    _, html = report(tmp_path, daily_load(1, 1440))
    assert html.count("data:image/png;base64,") == 10
    references = re.findall(r"""(?:src|href|srcset)=["']([^"']{0,40})""", html)
    assert references
    assert all(reference.startswith("data:image/png;base64,") for reference in references)
    assert not re.search(r"https?://|@import|url\(", html)
    assert "width=device-width" in html
    assert "@media print" in html
    wide, narrow = size((tmp_path / "demand.png").read_bytes()), (760, 646)
    assert wide[0] > 1000
    from base64 import b64decode

    phone = re.search(r'srcset="data:image/png;base64,([^"]+)"', html)[1]
    assert size(b64decode(phone)) == narrow


def test_the_headline_says_cost_and_service(tmp_path):
    result, html = report(tmp_path, daily_load(1, 2 * 1440))
    ours, text = result.strategies["configured"], words(html)
    assert f"{ours.cost:.2f} × the least possible cost" in text
    assert "Against target tracking: " in text
    assert "a note" in text
    assert f"{ours.instance_hours:,.0f} h in all" in text


def test_wrong_decisions_come_with_their_reasons(tmp_path):
    load = np.full(1440, 5.0)
    load[900:930] = 15.0
    result, html = report(tmp_path, Trace(0.0, load), peak=15)
    text = words(html)
    assert result.strategies["configured"].violations > 0
    assert "1970-01-01 15:00 , for" in text
    assert "The load jumped from 5 to 15 instances within a boot." in text
    assert "demand 5.00 is" in text  # the reason of the decision that counted
    assert "The load had gone, and" in text
    assert "(below 54 %" in text or "would do once below" in text


def test_where_nothing_was_short_it_says_so(tmp_path):
    _, html = report(tmp_path, Trace(0.0, np.full(600, 5.0)), peak=5)
    text = words(html)
    assert "no request meets too little capacity" in text
    assert "None. Every request met enough capacity." in text


def test_names_are_text_and_never_markup(tmp_path):
    _, html = report(tmp_path, daily_load(1, 600), title="<script>alert(1)</script>")
    assert "<script" not in html
    assert "&lt;script&gt;" in html


def test_gaps_spikes_and_forecasts_are_drawn(tmp_path):
    trace = daily_load(2, 3 * 1440)
    load = trace.load.copy()
    load[1000:1400] = np.nan
    load[2000:2003] = 60 * np.nanmax(load)
    record = Record()
    said = Forecast(0.0, 300.0, "it", ((0.5, 8.0), (0.9, 10.0), (0.99, 14.0)))
    backtest(TRACKING, trace, peak_instances=20, lead=4, warmup=0, watch=record)
    made = Record()
    decision = Decision("a", "a", 0.0, "0", Direction.HOLD, 1, 1, 1)
    for minute in range(len(load)):
        made(minute, State("it", forecast=None if minute < 500 else said), decision)
    result = backtest(TRACKING, Trace(0.0, load), peak_instances=20, lead=4, warmup=60)
    assert made.after(60).quantiles is not None
    html = write_backtest(tmp_path, result, made, title="it").read_text()
    assert html.count("data:image/png") == 10


def test_a_comparison_has_a_row_for_each_and_a_verdict(tmp_path):
    dear = TargetSettings.model_validate({"policies": [{"type": "target_tracking", "target": 0.3}]})
    found = compare_strategies(
        [Strategy("mine", TRACKING), Strategy("dear", dear), Strategy("hpa")],
        daily_load(1, 2 * 1440),
        peak_instances=20,
        lead=4,
        warmup=0,
        rng=np.random.default_rng(1),
    )
    text = words(write_comparison(tmp_path, found, (), title="it").read_text())
    assert "mine costs" in text
    assert re.search(r"dear \d\.\d\d \d+\.\d\d \+\d+\.\d \(\+\d+\.\d … \+\d+\.\d\)", text)
    assert re.search(r"dear [^a-z]* dearer", text)


def test_what_is_not_installed_is_named(monkeypatch):
    require_drawing()  # it is here
    monkeypatch.setattr(page, "find_spec", lambda name: None)
    with pytest.raises(ConfigError, match="a report needs matplotlib and jinja2") as caught:
        require_drawing()
    assert "forescale[report]" in caught.value.hint
