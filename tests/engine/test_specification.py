"""What a tenant may say, and the words in which the rest is refused."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from apps.containers.variables import parse_env, render_env
from apps.core.errors import InvalidInput
from apps.engine.spec import MIB, parse_spec

VARIABLE_NAMES = st.from_regex(r"[A-Za-z_][A-Za-z0-9_]{0,30}", fullmatch=True)
VALUES = st.text(st.characters(blacklist_characters="\0", blacklist_categories=["Cs"]), max_size=80)


def refuses(words: str, **fields: object) -> InvalidInput:
    with pytest.raises(InvalidInput, match=words) as caught:
        parse_spec({"image": "nginx"} | fields)
    return caught.value


@pytest.mark.parametrize(
    ("field", "value", "words"),
    [
        ("port", 70000, "70000"),
        ("port", 0, "from 1 to 65535"),
        ("memory_bytes", 31 * MIB, "31 MiB"),
        ("memory_bytes", 2**60, "1 TiB"),
        ("cpu_millis", 10, "0.01"),
        ("command", ["x"] * 65, "65"),
        ("command", ["a\0b"], "NUL"),
        ("command", ["x" * 40000], "40000 bytes"),
        ("image", "", "at least 1"),
        ("privileged", True, "not permitted"),
        ("volumes", ["/:/host"], "not permitted"),
    ],
)
def test_it_names_the_field_the_rule_and_the_value(field, value, words):
    assert refuses(words, **{field: value}).field == field


def test_a_specification_survives_json():
    spec = parse_spec({"image": "nginx:1.27", "command": ["sh", "-c", "x"], "port": 80})
    assert parse_spec(spec.model_dump(mode="json")) == spec


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("A=1\nB", "Line 2"),
        ("A=1\nA=2", "A is set twice"),
        ("1A=x", "“1A” is not one"),
        ("A=" + "x" * 40000, "A has 40000 bytes"),
        ("\n".join(f"V{n}=1" for n in range(201)), "these are 201"),
        ("\n".join(f"V{n}={'x' * 30000}" for n in range(10)), "together"),
    ],
)
def test_bad_variables_are_refused_with_their_line_or_name(text, words):
    with pytest.raises(InvalidInput, match=words):
        parse_env(text)


def test_it_reads_what_people_paste():
    assert parse_env("# comment\n\nexport A=1\nB = two words\nC=\"x\\ny\"\nD='a\"b'\nE=\nF=a=b#c\n") == {
        "A": "1", "B": "two words", "C": "x\ny", "D": 'a"b', "E": "", "F": "a=b#c",
    }  # fmt: skip


@given(st.dictionaries(VARIABLE_NAMES, VALUES, max_size=5))
def test_what_is_rendered_is_read_back(variables):
    assert parse_env(render_env(variables)) == variables
