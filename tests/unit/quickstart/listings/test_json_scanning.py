"""Values of a JSON text that arrives in pieces: what is found, where it is, and what is wrong in words."""

import json
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from quickstart.listings.json_scanning import (
    Position,
    ScanError,
    Scanner,
    SourceError,
    Value,
    parsed,
    shown,
    without_duplicates,
)

# Every value is also cut in every place.
SIZES = (1, 2, 3, 7, 1000)
sizes = pytest.mark.parametrize("size", SIZES)
LIMIT = 100_000


def scanner(content: bytes, size: int = 1000) -> Scanner:
    return Scanner(content[at : at + size] for at in range(0, len(content), size))


def failure(read: Callable[[], object]) -> tuple[str, str, Position]:
    with pytest.raises(ScanError) as failed:
        read()
    assert str(failed.value) == failed.value.reason
    return failed.value.rule, failed.value.reason, failed.value.position


def value_of(content: bytes) -> Value:
    return Value(content, Position(1, 1), len(content))


class TestBytes:
    @sizes
    def test_what_is_passed_counts(self, size: int) -> None:
        scan = scanner(b" \r\n\t\n [x", size)
        assert (scan.position, scan.member_start) == (Position(1, 1), Position(1, 1))
        assert scan.peek() == ord(" ")
        assert scan.skip_space() == ord("[")
        assert scan.position == Position(7, 3)
        scan.expect("[", "here")
        assert (scan.position, scan.peek()) == (Position(8, 3), ord("x"))

    @sizes
    def test_the_end(self, size: int) -> None:
        scan = scanner(b" \n", size)
        assert scan.skip_space() is None
        assert (scan.peek(), scan.position) == (None, Position(3, 2))

    def test_empty_pieces_are_passed_over(self) -> None:
        scan = Scanner([b"", b"1", b"", b"2", b""])
        assert scan.value(LIMIT).content == b"12"
        assert scan.peek() is None

    @sizes
    def test_the_start_of_a_text_stays_unread(self, size: int) -> None:
        scan = scanner(b"abcdef", size)
        assert scan.start(4) == b"abcd"
        assert scan.start(4) == b"abcd"
        assert scan.position == Position(1, 1)
        scan.skip(3)
        assert (scan.position, scan.peek()) == (Position(4, 1), ord("d"))
        assert scanner(b"ab", size).start(3) == b"ab"

    @sizes
    @pytest.mark.parametrize(
        ("content", "position"), [(b"\xef\xbb\xbf1", 4), (b"\xef\xbb1", 1), (b"1", 1), (b"", 1), (b"\xef\xbb\xbf", 4)]
    )
    def test_a_byte_order_mark_is_passed(self, size: int, content: bytes, position: int) -> None:
        scan = scanner(content, size)
        scan.skip_mark()
        assert scan.position == Position(position, 1)

    def test_what_comes_before_an_error_of_the_source_is_read(self) -> None:
        def pieces() -> Iterator[bytes]:
            yield b"[1"
            raise SourceError("gzip", "damaged")

        scan = Scanner(pieces())
        assert scan.start(5) == b"[1"
        scan.expect("[", "")
        with pytest.raises(SourceError, match=r"^damaged$") as failed:
            scan.value(LIMIT)
        assert (failed.value.rule, failed.value.reason) == ("gzip", "damaged")
        assert scan.position == Position(3, 1)

    @pytest.mark.parametrize(
        ("content", "error"),
        [
            (b" x", ("syntax", "expected [ here, but found x", Position(2, 1))),
            (b"\n\x01", ("syntax", "expected [ here, but found byte 0x01", Position(2, 2))),
            (b" ", ("cutOff", "the file ends too early: expected [ here", Position(2, 1))),
        ],
    )
    def test_another_byte_than_expected(self, content: bytes, error: object) -> None:
        assert failure(lambda: scanner(content).expect("[", "here")) == error


@pytest.mark.parametrize(
    ("byte", "words"), [(0x20, "byte 0x20"), (0x21, "!"), (0x7E, "~"), (0x7F, "byte 0x7F"), (0xE9, "byte 0xE9")]
)
def test_a_byte_for_a_message(byte: int, words: str) -> None:
    assert shown(byte) == words


class TestValues:
    @sizes
    @pytest.mark.parametrize(
        "content",
        [
            b"1",
            b"-1.5e3",
            b"true",
            b'""',
            b'"a b"',
            b'"\\"]}"',
            b'"\\\\"',
            b'"\\u00e9\\n"',
            b'"\xc3\xa9,"',
            b"{}",
            b"[]",
            b'{"a": [1, {"b": "]}"}], "c\\"": "x"}',
            b'[["\\\\"], "[{"]',
            b'{"a":\n[\n1]}',
        ],
    )
    @pytest.mark.parametrize("after", [b"", b",", b"]", b"}", b" ", b"\n"])
    def test_a_value_ends_where_it_ends(self, size: int, content: bytes, after: bytes) -> None:
        scan = scanner(b"\n  " + content + after, size)
        assert scan.value(LIMIT) == Value(content, Position(4, 2), len(content))
        lines = 2 + content.count(b"\n")
        assert scan.position == Position(4 + len(content), lines)
        assert scan.peek() == (after[0] if after else None)

    @sizes
    @pytest.mark.parametrize("content", [b"12345", b'"abc"', b"[1,2]", b'["]"]'])
    def test_a_value_over_the_limit_is_not_kept(self, size: int, content: bytes) -> None:
        start = Position(1, 1)
        assert scanner(content, size).value(5) == Value(content, start, 5)
        scan = scanner(content + b",", size)
        assert scan.value(4) == Value(b"", start, 5)
        assert scan.peek() == ord(",")

    @sizes
    @pytest.mark.parametrize(
        ("content", "error"),
        [
            (b"", ("cutOff", "the file ends too early: expected a value", Position(1, 1))),
            (b"\n ", ("cutOff", "the file ends too early: expected a value", Position(3, 2))),
            (b" ,", ("syntax", "expected a value, but found ,", Position(2, 1))),
            (b":", ("syntax", "expected a value, but found :", Position(1, 1))),
            (b"]", ("syntax", "expected a value, but found ]", Position(1, 1))),
            (b"}", ("syntax", "expected a value, but found }", Position(1, 1))),
            (b"[1\n}", ("syntax", "expected ], but found }", Position(4, 2))),
            (b"[{]", ("syntax", "expected }, but found ]", Position(3, 1))),
            (b'{"a": [1, 2', ("cutOff", "the file ends too early: expected ]", Position(12, 1))),
            (b'["a', ("cutOff", 'the file ends too early: expected " at the end of a string', Position(4, 1))),
            (b'"a\\', ("cutOff", 'the file ends too early: expected " at the end of a string', Position(4, 1))),
            (b'"a\\"', ("cutOff", 'the file ends too early: expected " at the end of a string', Position(5, 1))),
        ],
    )
    def test_a_value_that_does_not_end(self, size: int, content: bytes, error: object) -> None:
        assert failure(lambda: scanner(content, size).value(LIMIT)) == error

    @sizes
    def test_two_hundred_levels_of_brackets(self, size: int) -> None:
        deepest = b"[" * 200 + b"]" * 200
        assert scanner(deepest, size).value(LIMIT).content == deepest
        objects = b'{"a":' * 200 + b"1" + b"}" * 200
        assert scanner(objects, size).value(LIMIT).length == len(objects)
        too_deep = ("depth", "more than 200 levels of brackets", Position(201, 1))
        assert failure(lambda: scanner(b"[" * 201 + b"]" * 201, size).value(LIMIT)) == too_deep

    def test_a_place_in_a_value(self) -> None:
        value = Value(b"[\n1,\n2]", Position(11, 3), 7)
        places = [Position(11 + offset, line) for offset, line in enumerate((3, 3, 4, 4, 4, 5, 5, 5))]
        assert [value.at(offset) for offset in range(8)] == places


class TestLines:
    @sizes
    def test_each_line_with_its_place(self, size: int) -> None:
        scan = scanner(b'{"a": 1}\r\n\n x', size)
        assert [scan.line(LIMIT) for _ in range(4)] == [
            Value(b'{"a": 1}\r', Position(1, 1), 9),
            Value(b"", Position(11, 2), 0),
            Value(b" x", Position(12, 3), 2, complete=False),
            None,
        ]
        assert scanner(b"", size).line(LIMIT) is None

    @sizes
    def test_a_line_over_the_limit_is_not_kept(self, size: int) -> None:
        scan = scanner(b"12345\n12\n", size)
        assert scan.line(4) == Value(b"", Position(1, 1), 5)
        assert scan.line(2) == Value(b"12", Position(7, 2), 2)
        assert scan.line(2) is None


class TestDocuments:
    def members(self, content: bytes, size: int = 1000) -> list[tuple[str, bytes, Position]]:
        scan = scanner(content, size)
        return [(name, scan.value(LIMIT).content, scan.member_start) for name in scan.members()]

    @sizes
    def test_the_members_of_an_object(self, size: int) -> None:
        content = b' {"a" : 1,\n "b\\u00e9" :[2], "": {}}\n'
        assert self.members(content, size) == [
            ("a", b"1", Position(3, 1)),
            ("b\u00e9", b"[2]", Position(13, 2)),
            ("", b"{}", Position(29, 2)),
        ]
        assert self.members(b" { } ", size) == []

    @sizes
    @pytest.mark.parametrize(
        ("content", "error"),
        [
            (b"[]", ("syntax", "expected { at the start of the document, but found [", Position(1, 1))),
            (b"", ("cutOff", "the file ends too early: expected { at the start of the document", Position(1, 1))),
            (b"{1: 2}", ("syntax", 'expected " at the start of a name, but found 1', Position(2, 1))),
            (b'{"a" 1}', ("syntax", "expected : after 'a', but found 1", Position(6, 1))),
            (
                b'{"' + b"x" * 101 + b'"',
                ("cutOff", f"the file ends too early: expected : after '{'x' * 100}'", Position(105, 1)),
            ),
            (b'{"a": 1 "b": 2}', ("syntax", 'expected a comma or } in the document, but found "', Position(9, 1))),
            (b'{"a": 1, }', ("trailingComma", "there is a comma before }; remove it", Position(8, 1))),
            (b'{"a": 1', ("cutOff", "the file ends too early: expected a comma or } in the document", Position(8, 1))),
            (
                b'{"a": 1}\n x',
                ("syntax", "expected the end of the file after the document, but found x", Position(11, 2)),
            ),
            (b'{"a\\x": 1}', ("syntax", "not JSON: Invalid \\escape", Position(4, 1))),
        ],
    )
    def test_what_is_wrong_with_a_document(self, size: int, content: bytes, error: object) -> None:
        assert failure(lambda: self.members(content, size)) == error

    @pytest.mark.parametrize(("length", "read"), [(65_534, True), (65_535, False)])
    def test_a_name_has_64_kib_at_most(self, length: int, *, read: bool) -> None:
        """With its quotes."""
        content = b'{"' + b"x" * length + b'": 1}'
        if read:
            assert self.members(content) == [("x" * length, b"1", Position(2, 1))]
        else:
            words = "65537 bytes; at most 65536 are accepted"
            assert failure(lambda: self.members(content)) == ("tooLarge", words, Position(2, 1))

    @sizes
    def test_the_elements_of_a_list(self, size: int) -> None:
        scan = scanner(b' [1 ,\n"a" , {"b": []} ] ', size)
        assert [(value.content, value.start) for value in scan.elements(LIMIT)] == [
            (b"1", Position(3, 1)),
            (b'"a"', Position(7, 2)),
            (b'{"b": []}', Position(13, 2)),
        ]
        assert scan.peek() == ord(" ")
        assert list(scanner(b"[ ]", size).elements(LIMIT)) == []
        assert [value.content for value in scanner(b"[12345, 1]", size).elements(4)] == [b"", b"1"]

    @sizes
    @pytest.mark.parametrize(
        ("content", "error"),
        [
            (b"{}", ("syntax", "expected [ at the start of a list, but found {", Position(1, 1))),
            (b"[1 2]", ("syntax", "expected a comma or ] in the list, but found 2", Position(4, 1))),
            (b"[1 , ]", ("trailingComma", "there is a comma before ]; remove it", Position(4, 1))),
            (b"[1,", ("cutOff", "the file ends too early: expected a value", Position(4, 1))),
            (b"[", ("cutOff", "the file ends too early: expected a value", Position(2, 1))),
            (b"[1,,2]", ("syntax", "expected a value, but found ,", Position(4, 1))),
        ],
    )
    def test_what_is_wrong_with_a_list(self, size: int, content: bytes, error: object) -> None:
        assert failure(lambda: list(scanner(content, size).elements(LIMIT))) == error


class TestParsed:
    @pytest.mark.parametrize(
        "content",
        [b'{"a": [1, -2.5, true, null, "\xc3\xa9\\ud83d\\ude00"]}', b'"\\\\ud800"', b" 1 ", b"1e308"],
    )
    def test_it_is_what_json_is(self, content: bytes) -> None:
        assert parsed(value_of(content), LIMIT) == json.loads(content)

    def test_a_value_that_is_as_long_as_the_limit(self) -> None:
        assert parsed(value_of(b"12345"), 5) == 12345
        error = ("tooLarge", "5 bytes; at most 4 are accepted", Position(1, 1))
        assert failure(lambda: parsed(Value(b"", Position(1, 1), 5), 4)) == error

    def test_a_number_has_a_thousand_digits_at_most(self) -> None:
        assert parsed(value_of(b"9" * 1000), LIMIT) == 10**1000 - 1
        words = f"the number {'9' * 40}... has 1001 digits; at most 1000 are accepted"
        assert failure(lambda: parsed(value_of(b"9" * 1001), LIMIT)) == ("value", words, Position(1, 1))

    CUT = "the message is incomplete: "
    ESCAPE = "Invalid \\uXXXX escape"
    AFTER = "there is a comma after the message; in JSON Lines nothing follows it"
    ONE = "a line must be one JSON object and nothing else"

    @pytest.mark.parametrize(
        ("content", "rule", "reason", "byte"),
        [
            # After the value.
            (b'{"a": 1},', "trailingComma", AFTER, 9),
            (b'{"\xc3\xa9": 1} , {}', "trailingComma", AFTER, 11),
            (b'{"a": 1} {}', "syntax", ONE, 10),
            (b'{"a": 1} \r {"a": 2}', "lineEnd", "the line ends in CR alone; save the file with LF or CRLF", 9),
            (b'{"\xc3\xa9": 1}\r{"a": 2}', "lineEnd", "the line ends in CR alone; save the file with LF or CRLF", 10),
            (b'"a"\r1', "syntax", ONE, 5),
            # A comma before a bracket.
            (b'{"a": 1,}', "trailingComma", "there is a comma before }; remove it", 8),
            (b'{"\xc3\xa9": [1 , ]}', "trailingComma", "there is a comma before ]; remove it", 11),
            (b"{,}", "syntax", "not JSON: Expecting property name enclosed in double quotes", 2),
            (b"[1,,2]", "syntax", "not JSON: Expecting value", 4),
            # More text could make it JSON.
            (b"", "cutOff", f"{CUT}Expecting value", 1),
            (b"  ", "cutOff", f"{CUT}Expecting value", 3),
            (b'{"a": ', "cutOff", f"{CUT}Expecting value", 7),
            (b'{"a": tru', "cutOff", f"{CUT}Expecting value", 10),
            (b'{"a": fals', "cutOff", f"{CUT}Expecting value", 11),
            (b'{"a": nul ', "cutOff", f"{CUT}Expecting value", 11),
            (b'{"a": -', "cutOff", f"{CUT}Expecting value", 8),
            (b'{"a": 1.', "cutOff", f"{CUT}Expecting ',' delimiter", 9),
            (b'{"a": 1e', "cutOff", f"{CUT}Expecting ',' delimiter", 9),
            (b'{"a": 1e-', "cutOff", f"{CUT}Expecting ',' delimiter", 10),
            (b'{"a": 1E+', "cutOff", f"{CUT}Expecting ',' delimiter", 10),
            (b'{"a": "x', "cutOff", f"{CUT}Unterminated string starting at", 9),
            (b'{"a": "\\', "cutOff", f"{CUT}Unterminated string starting at", 9),
            (b'{"a": "\\u', "cutOff", f"{CUT}{ESCAPE}", 10),
            (b'{"a": "\\u00e', "cutOff", f"{CUT}{ESCAPE}", 13),
            (b'{"a": "\\u00E9', "cutOff", f"{CUT}{ESCAPE}", 14),
            (b'{"a": "\xc3', "cutOff", f"{CUT}it ends in the middle of a character", 8),
            # No text could.
            (b'{"a": tx', "syntax", "not JSON: Expecting value", 7),
            (b'{"a": 1e}', "syntax", "not JSON: Expecting ',' delimiter", 8),
            (b'{"a": "\\u00zz"}', "syntax", f"not JSON: {ESCAPE}", 9),
            (b'{"a": "\\u0z"}', "syntax", f"not JSON: {ESCAPE}", 9),
            (b'{"a": "\\u00"}', "syntax", f"not JSON: {ESCAPE}", 9),
            (b'{"a": "C:\\x"}', "syntax", "not JSON: Invalid \\escape", 10),
            (b'{"a": "\\x', "syntax", "not JSON: Invalid \\escape", 8),
            (b'{"\xc3\xa9" 1}', "syntax", "not JSON: Expecting ':' delimiter", 7),
            (
                b'{"\xc3\xa9": "\xe9"}',
                "encoding",
                "byte 0xE9 is not UTF-8; save the file as UTF-8 (it may be Windows-1252 now)",
                9,
            ),
            # Python would read these.
            (b"NaN", "value", "NaN is not JSON", 1),
            (b"[-Infinity]", "value", "-Infinity is not JSON", 1),
            (b"1" + b"0" * 400 + b".0", "value", f"the number 1{'0' * 39} is too large", 1),
            (b'{"a": 1, "a": 1}', "value", "'a' appears twice in one object", 1),
            (b'"\\ud800"', "unicode", "half of a surrogate pair (such as \\ud800) is not text", 1),
            (b'{"\\uDC00": 1}', "unicode", "half of a surrogate pair (such as \\ud800) is not text", 1),
            (b"[" * 100_000, "depth", "too many levels of brackets", 1),
        ],
    )
    def test_what_is_not_strictly_json(self, content: bytes, rule: str, reason: str, byte: int) -> None:
        assert failure(lambda: parsed(value_of(content), LIMIT)) == (rule, reason, Position(byte, 1))

    @pytest.mark.parametrize(
        ("content", "kind", "bracket", "byte"),
        [(b'{"\xc3\xa9": 1 , }', "object", "}", 10), (b"[1,]", "array", "]", 3)],
    )
    def test_a_comma_before_a_bracket_as_python_3_13_names_it(
        self, monkeypatch: pytest.MonkeyPatch, content: bytes, kind: str, bracket: str, byte: int
    ) -> None:
        """Its error is at the comma, and has words of its own."""

        def refused(text: str, **_: object) -> None:
            raise json.JSONDecodeError(f"Illegal trailing comma before end of {kind}", text, text.index(","))

        monkeypatch.setattr(json, "loads", refused)
        words = f"there is a comma before {bracket}; remove it"
        assert failure(lambda: parsed(value_of(content), LIMIT)) == ("trailingComma", words, Position(byte, 1))

    def test_a_mistake_in_a_later_line_is_placed_there(self) -> None:
        value = Value(b'{"a":\n x}', Position(11, 3), 9)
        assert failure(lambda: parsed(value, LIMIT))[2] == Position(18, 4)

    def test_a_long_name_that_is_there_twice_is_cut(self) -> None:
        pairs: list[tuple[str, Any]] = [("x" * 101, 1), ("y", 2), ("x" * 101, 3)]
        with pytest.raises(ValueError, match=f"^'{'x' * 100}' appears twice in one object$"):
            without_duplicates(pairs)
        assert without_duplicates(pairs[:2]) == dict(pairs[:2])
