from rich.console import Console

from forescale.ui.chart import chart


def drawn(text):
    console = Console(width=120, record=True, file=open("/dev/null", "w"))  # noqa: SIM115, PTH123
    with console.file:
        console.print(text)
        return console.export_text().splitlines()


def test_height_and_width_are_as_asked():
    lines = drawn(chart([5.0] * 400, [8] * 400, width=50, height=12))
    assert len(lines) == 13
    assert all(len(line) <= 8 + 50 for line in lines)


def test_demand_fills_up_to_its_level_and_capacity_is_a_line_above():
    lines = drawn(chart([5.0] * 10, [10] * 10, width=10, height=10))
    column = [line[8:9] for line in lines[:-1]]
    assert column.count("█") in (4, 5)
    assert sum(glyph in "▁━▔" for glyph in column if glyph) >= 1
    assert column.index(next(g for g in column if g in "▁━▔" and g)) < column.index("█")


def styles(text):
    return {str(span.style) for span in text.spans if "red" in str(span.style)}


def test_a_shortage_of_a_single_minute_is_red_and_none_is_not():
    demand, capacity = [5.0] * 100, [8] * 100
    assert not styles(chart(demand, capacity, width=10, height=8))
    demand[55] = 9.0
    assert styles(chart(demand, capacity, width=10, height=8))


def test_high_demand_that_was_met_beside_low_capacity_that_sufficed_is_not_a_shortage():
    assert not styles(chart([9.0, 2.0], [10, 3], width=1, height=8))


def test_absent_demand_and_an_empty_chart_are_drawn_too():
    assert drawn(chart([None, None], [1, 1], width=10, height=4))
    assert drawn(chart([], [], width=10, height=4))
