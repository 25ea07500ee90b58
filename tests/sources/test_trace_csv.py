"""Reading traces: what is understood, and how each kind of bad file is refused."""

import gzip

import pytest

from forescale.model.errors import TraceError
from forescale.model.sample import Point
from forescale.sources.trace_csv import read_trace

GOOD = """\
time,host,requests,bytes
2026-05-01T00:00:00Z,a,10,1
2026-05-01T00:01:00Z,b,,2
2026-05-01T00:02:00Z,a,12.5,3
"""
START = 1777593600.0  # 2026-05-01T00:00:00Z


@pytest.fixture
def write(tmp_path):
    def writer(content, name="load.csv"):
        path = tmp_path / name
        path.write_bytes(content.encode() if isinstance(content, str) else content)
        return str(path)

    return writer


def test_the_first_column_of_numbers_is_read_by_default(write):
    column = read_trace(write(GOOD))
    assert (column.name, column.others) == ("requests", ("host", "bytes"))
    assert column.points == (Point(START, 10.0), Point(START + 60, None), Point(START + 120, 12.5))


def test_a_column_is_named_after_a_colon(write):
    column = read_trace(write(GOOD) + ":bytes")
    assert [point.value for point in column.points] == [1, 2, 3]


def test_a_colon_in_an_existing_name_belongs_to_the_name(write):
    assert read_trace(write(GOOD, "a:b.csv")).name == "requests"
    assert read_trace(write(GOOD, "a:b.csv") + ":bytes").name == "bytes"


@pytest.mark.parametrize("name", ["load.csv.gz", "load.csv"])
def test_gzip_is_known_by_its_content(write, name):
    assert read_trace(write(gzip.compress(GOOD.encode()), name)).points[0] == Point(START, 10.0)


@pytest.mark.parametrize(
    "cell",
    [
        "2026-05-01T00:00:00Z",
        "2026-05-01 00:00:00",
        "2026-05-01T02:00:00+02:00",
        "1777593600",
        "1777593600000",
    ],
)
def test_times_in_each_form_are_the_same_moment(write, cell):
    assert read_trace(write(f"t,v\n{cell},1\n")).points == (Point(START, 1.0),)


@pytest.mark.parametrize("cell", ["", " ", "NaN", "null", "N/A", "-", "None"])
def test_each_way_to_write_absence(write, cell):
    assert read_trace(write(f"t,v\n0,1\n60,{cell}\n") + ":v").points[1] == Point(60.0, None)


def test_a_short_row_is_absence_and_blank_lines_are_nothing(write):
    assert read_trace(write("t,v\n0,1\n\n60\n")).points == (Point(0.0, 1.0), Point(60.0, None))


@pytest.mark.parametrize("mark", [";", "\t"])
def test_other_separators(write, mark):
    assert read_trace(write(GOOD.replace(",", mark))).points[2].value == 12.5


def test_a_byte_order_mark_and_crlf_do_no_harm(write):
    text = "\ufeff" + GOOD.replace("\n", "\r\n")
    assert read_trace(write(text)).points[2].value == 12.5


@pytest.mark.parametrize(
    ("content", "message", "hint"),
    [
        ("", "is empty", "header"),
        ("\n", "is empty", "header"),
        ("time,load\n", "no rows", ""),
        ("time\n2026-05-01T00:00:00Z\n", "one column, 'time'", ""),
        ("2026-05-01T00:00:00Z,5\n", "no header", "names of the columns"),
        ("time,a,b\n0,x,y\n60,z,\n", "no column of numbers", "its columns are: a, b"),
        ("time,a\nyesterday,3\n", "line 2: 'yesterday' is not a time", "ISO 8601"),
        (b"\x89PNG\r\n\x1a\n\x00\x00\x00\rIHDR\xff\xfe", "not a text file", "CSV"),
        (b"time,a\n0,1\n\xff\xfe,2\n", "not a text file", "CSV"),
        (b"PK\x03\x04\x00\x00,\n\x00,1\n", "not a text file", "CSV"),
        (gzip.compress(GOOD.encode())[:-12], "cannot read", ""),
    ],
    ids=range(11),  # what is in the files makes no name; gzip even writes the time into it
)
def test_files_that_are_no_traces(write, content, message, hint):
    with pytest.raises(TraceError, match=message) as caught:
        read_trace(write(content))
    assert hint in caught.value.hint
    assert caught.value.exit_code == 2


def test_damaged_gzip(write):
    data = bytearray(gzip.compress(GOOD.encode() * 50))
    data[20:40] = b"\xff" * 20
    with pytest.raises(TraceError, match="cannot read"):
        read_trace(write(bytes(data), "load.csv.gz"))


def test_no_such_column_names_those_there_are(write):
    with pytest.raises(TraceError, match="no column 'reqs'") as caught:
        read_trace(write(GOOD) + ":reqs")
    assert caught.value.hint == "its columns are: host, requests, bytes"


@pytest.mark.parametrize(
    ("cell", "what"), [("12x", "not a number"), ("inf", "not a number"), ("-3", "negative")]
)
def test_a_malformed_number_is_told_with_its_line(write, cell, what):
    with pytest.raises(TraceError, match=rf"line 4: v is '{cell}', {what}"):
        read_trace(write(f"t,v\n0,1\n\n60,{cell}\n") + ":v")


@pytest.mark.parametrize("cell", ["12x", "inf"])
def test_one_malformed_number_does_not_hide_the_column(write, cell):
    with pytest.raises(TraceError, match=rf"line 4: v is '{cell}', not a number"):
        read_trace(write(f"t,host,v\n0,a,1\n60,b,2\n120,c,{cell}\n"))


def test_a_column_of_numbers_alone_comes_before_one_of_mostly_numbers(write):
    assert read_trace(write("t,v,w\n0,1,5\n60,2,6\n120,oops,7\n")).name == "w"


def test_decimal_commas_are_no_numbers_and_the_hint_shows_one(write):
    with pytest.raises(TraceError, match="no column of numbers") as caught:
        read_trace(write("t;v\n0;1,5\n60;2,5\n"))
    assert "1234.5" in caught.value.hint


def test_no_row_of_a_long_file_is_lost(write):
    rows = "".join(f"{60 * i},{i}\n" for i in range(3000))
    points = read_trace(write(f"t,v\n{rows}")).points
    assert points == tuple(Point(60.0 * i, float(i)) for i in range(3000))


def test_a_malformed_number_far_down_is_told_too(write):
    rows = "".join(f"{60 * i},{i}\n" for i in range(3000))
    with pytest.raises(TraceError, match="line 3002: v is 'oops'"):
        read_trace(write(f"t,v\n{rows}180000,oops\n"))


def test_a_missing_file_names_its_neighbours(write, tmp_path):
    write(GOOD, "a.csv")
    write(GOOD, "b.csv.gz")
    with pytest.raises(TraceError, match="No such file") as caught:
        read_trace(f"{tmp_path}/c.csv:requests")
    assert caught.value.hint == "CSV files there: a.csv, b.csv.gz"


def test_a_missing_directory_and_a_directory(tmp_path):
    with pytest.raises(TraceError) as caught:
        read_trace(f"{tmp_path}/nowhere/c.csv")
    assert "there is no directory" in caught.value.hint
    with pytest.raises(TraceError) as caught:
        read_trace(str(tmp_path))
    assert "directory" in caught.value.hint
