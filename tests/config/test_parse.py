"""Text that is not the YAML it should be: each mistake at its line and column."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from forescale.config import load
from forescale.config.parse import parse, scalar
from forescale.config.problems import InvalidConfig
from forescale.config.tree import Document
from forescale.model.errors import ConfigError

VALID = "region: eu-west-1\ntargets:\n  web: {group: web-asg}\n"


@pytest.mark.parametrize(
    ("text", "line", "column", "words"),
    [
        ("region: a\nregion: b\n", 2, 1, "'region' is here twice; first on line 1"),
        ("a: {b: 1, b: 2}", 1, 11, "'b' is here twice"),
        ("a:\n\tb: 1\n", 2, 1, "a tab; YAML indents with spaces"),
        ("a: b: c", 1, 5, "mapping values are not allowed"),
        ("a:\n - 1\nb: [1, 2\n", 3, 4, "while parsing a flow sequence"),
        ("a: 'x\nb: 1\n", 1, 4, "quoted scalar"),
        ("a: @b", 1, 4, "put the value in quotes"),
        ("a: *nope", 1, 4, "undefined alias"),
        ("a: &x [1, *x]", 1, 4, "an alias that contains itself"),
        ("a: !foo 1", 1, 4, "the tag !foo means nothing here"),
        ("a: !!python/object:os.system 1", 1, 4, "means nothing here"),
        ("? [1]\n: 2", 1, 3, "a key must be a plain word"),
        ("<<: 3", 1, 1, "<< takes a mapping"),
        ("a: 1\n---\nb: 2\n", 3, 1, "a second YAML document begins"),
        ("- 1\n", 1, 1, "the file must hold keys and values"),
        ("word\n", 1, 1, "the file must hold keys and values"),
        ("a: .inf", 1, 4, "a finite number is needed"),
        ("a: 1e999", 1, 4, "a finite number is needed"),
        ("a: !!int x", 1, 4, "not a value"),
    ],
)
def test_each_mistake_is_placed(complaint, text, line, column, words):
    found = complaint(text)
    assert words in found.message
    assert (found.line, found.column) == (line, column)
    assert found.excerpt == text.splitlines()[line - 1].replace("\t", " ")


def test_a_message_shows_the_line_and_marks_the_place(complaint, tmp_path):
    text = str(complaint("region: a\nregion: b\n"))
    assert text.splitlines() == [
        f"{tmp_path}/forescale.yaml:2:1: the key 'region' is here twice; first on line 1",
        "    2 | region: b",
        "      | ^",
    ]


@pytest.mark.parametrize("text", ["", "\n", "# only a comment\n", "---\n...\n"])
def test_an_empty_file_suggests_init(write, text):
    with pytest.raises(ConfigError, match="is empty") as refused:
        load(write(text), {})
    assert "forescale init" in refused.value.hint
    assert refused.value.exit_code == 2


def test_a_file_that_cannot_be_read(tmp_path, write):
    with pytest.raises(ConfigError, match="there is no file") as refused:
        load(tmp_path / "nope.yaml", {})
    assert f"forescale init {tmp_path}/nope.yaml" in refused.value.hint
    with pytest.raises(ConfigError, match="is a directory"):
        load(tmp_path, {})
    with pytest.raises(ConfigError, match=r"yaml:2: byte 0xe9 is not UTF-8 text"):
        load(write("a: 1\nb: é".encode("latin-1")), {})


def test_nesting_without_end_is_refused(complaint):
    assert "nested too deeply" in complaint("a: " + "[" * 5000).message


def test_aliases_that_multiply_are_refused(problems):
    lines = ["a0: &a0 [1, 1, 1, 1, 1, 1, 1, 1, 1, 1]"]
    lines += [f"a{i}: &a{i} [{', '.join([f'*a{i - 1}'] * 10)}]" for i in range(1, 9)]
    assert any("too many values" in problem.message for problem in problems("\n".join(lines)))


def test_byte_order_mark_line_ends_and_a_closing_marker(loads):
    for text in ("\ufeff" + VALID, VALID.replace("\n", "\r\n"), "---\n" + VALID + "...\n", VALID + "---\n"):
        assert list(loads(text).targets) == ["web"]


def test_anchors_and_merge_keys(loads):
    config = loads(
        "x-base: &base {min: 3, max: 9}\nregion: eu-west-1\ntargets:\n"
        "  web: {group: a, guards: {<<: *base, max: 5}}\n"
        "  api: {group: b, guards: {<<: [{min: 4}, *base]}}\n"
    )
    assert [(t.guards.min, t.guards.max) for t in config.targets.values()] == [(3, 5), (4, 9)]


_TYPED = [("5", 5), ("5.5", 5.5), ("true", True), ("", None), ("~", None), ("0x10", 16)]
_TEXTS = ["yes", "5m", "60%", "08:30", "2027-01-01", "1:30:00"]


@pytest.mark.parametrize(("text", "value"), [*_TYPED, *((text, text) for text in _TEXTS)])
def test_scalars(text, value):
    assert scalar(text) == value
    assert type(scalar(text)) is type(value)


@settings(deadline=None)
@given(st.text(alphabet=st.sampled_from("ab1 :-#{}[],&*!|>'\"%@`$\n\t\\?.~"), max_size=60))
def test_any_text_is_read_or_refused_with_a_place(text):
    document = Document("f", tuple(text.split("\n")))
    try:
        tree = parse(document)
    except ConfigError as error:
        refused = error
    else:
        assert isinstance(tree.data(), dict)
        return
    if isinstance(refused, InvalidConfig):
        assert all(0 <= problem.line <= len(document.lines) for problem in refused.problems)
    else:
        assert refused.message == "f is empty"
