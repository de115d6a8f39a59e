"""Finds the values of a JSON text that arrives in pieces, without keeping more than one value in memory."""

import json
import math
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

UTF_8_MARK = b"\xef\xbb\xbf"
_NO_SPACE = re.compile(rb"[^ \t\r\n]")
# A bracket, or a string as far as it is in the piece; the group is its closing quote.
_BRACKET_OR_STRING = re.compile(rb'[{}\[\]]|"[^"\\]*+(?:\\.[^"\\]*+)*+("?)', re.DOTALL)
# The rest of a string as far as it is in the piece; a backslash at the end of the piece is left over.
_REST_OF_STRING = re.compile(rb'[^"\\]*+(?:\\.[^"\\]*+)*+("?)', re.DOTALL)
_END_OF_SCALAR = re.compile(rb"[,\]}\s]")
# The start of an escape, as JSON's reader has it: from the "u" on, or with its backslash.
_START_OF_ESCAPE = re.compile(r"\\?u[0-9a-fA-F]{0,4}")
_SURROGATE = re.compile(rb"\\u[dD][89a-fA-F]")
_MOST_NAME_BYTES = 64 * 1024
_CLOSING = {ord("{"): ord("}"), ord("["): ord("]")}
# Python's JSON reader is recursive; product data is about ten levels deep.
_DEEPEST = 200
_MOST_DIGITS = 1000


@dataclass(frozen=True, order=True)
class Position:
    """A place in a text. `byte` counts from the start of the text, `line` by its line feeds; both start at 1."""

    byte: int
    line: int


class ScanError(Exception):
    """The text cannot be read further. `rule` names what is wrong, `reason` says it, `position` where."""

    def __init__(self, rule: str, reason: str, position: Position) -> None:
        super().__init__(reason)
        self.rule = rule
        self.reason = reason
        self.position = position


class SourceError(Exception):
    """The pieces of the text end with an error; raised by their iterator. `rule` and `reason` are as in ScanError."""

    def __init__(self, rule: str, reason: str) -> None:
        super().__init__(reason)
        self.rule = rule
        self.reason = reason


@dataclass(frozen=True)
class Value:
    """One value as written. `content` is empty for one that is over the limit; `length` is its length in bytes."""

    content: bytes
    start: Position
    length: int
    complete: bool = True

    def at(self, offset: int) -> Position:
        """The place of the byte at this offset of the content."""
        return Position(self.start.byte + offset, self.start.line + self.content.count(b"\n", 0, offset))


class Scanner:
    """Reads a text piece by piece; holds one piece and the value that is being read."""

    def __init__(self, pieces: Iterable[bytes]) -> None:
        self._pieces: Iterator[bytes] = iter(pieces)
        self._error: SourceError | None = None
        self._piece = b""
        self._index = 0
        self._byte = 1
        self._line = 1
        # Where the name of the current member starts.
        self.member_start = Position(1, 1)

    @property
    def position(self) -> Position:
        """The place of the next byte."""
        return Position(self._byte, self._line)

    def peek(self) -> int | None:
        """The next byte, None at the end. Raises SourceError."""
        while self._index >= len(self._piece):
            if self._error is not None:
                raise self._error
            piece = next(self._pieces, None)
            if piece is None:
                return None
            self._piece, self._index = piece, 0
        return self._piece[self._index]

    def start(self, amount: int) -> bytes:
        """The first bytes of the text, which stay unread; fewer if it is shorter. Only before anything is read."""
        try:
            while len(self._piece) < amount and (piece := next(self._pieces, None)) is not None:
                self._piece += piece
        except SourceError as error:
            # What came before it can still be read.
            self._error = error
        return self._piece[:amount]

    def skip_mark(self) -> None:
        """Passes UTF-8's byte order mark. Only before anything is read."""
        if self.start(len(UTF_8_MARK)) == UTF_8_MARK:
            self.skip(len(UTF_8_MARK))

    def skip(self, amount: int) -> None:
        """Passes bytes that `start` has shown. Their positions count."""
        self._advance(self._index + amount)

    def skip_space(self) -> int | None:
        """Passes white space and returns the byte after it, None at the end."""
        while self.peek() is not None:
            found = _NO_SPACE.search(self._piece, self._index)
            self._advance(found.start() if found else len(self._piece))
            if found:
                return self._piece[self._index]
        return None

    def expect(self, byte: str, where: str) -> None:
        """Passes white space and this byte. Raises ScanError for another."""
        found = self.skip_space()
        if found != ord(byte):
            raise self.unexpected(found, f"expected {byte} {where}")
        self._advance(self._index + 1)

    def unexpected(self, found: int | None, reason: str) -> ScanError:
        """The error for this byte, which is not what the text needs here."""
        if found is None:
            return ScanError("cutOff", f"the file ends too early: {reason}", self.position)
        return ScanError("syntax", f"{reason}, but found {shown(found)}", self.position)

    def members(self) -> Iterator[str]:
        """The names of the members of the text's one object. The caller reads each value before the next name.

        Raises ScanError for anything else, also after the object.
        """
        self.expect("{", "at the start of the document")
        follows = self.skip_space() != ord("}")
        while follows:
            found = self.skip_space()
            if found != ord('"'):
                raise self.unexpected(found, 'expected " at the start of a name')
            value = self.value(_MOST_NAME_BYTES)
            self.member_start = value.start
            name = str(parsed(value, _MOST_NAME_BYTES))
            self.expect(":", f"after {name[:100]!r}")
            yield name
            follows = self._comma("}", "the document")
        self.expect("}", "at the end of the document")
        if (rest := self.skip_space()) is not None:
            raise self.unexpected(rest, "expected the end of the file after the document")

    def elements(self, limit: int) -> Iterator[Value]:
        """The values of the array that starts here. Raises ScanError as `value` does."""
        self.expect("[", "at the start of a list")
        follows = self.skip_space() != ord("]")
        while follows:
            yield self.value(limit)
            follows = self._comma("]", "the list")
        self.expect("]", "at the end of the list")

    def value(self, limit: int) -> Value:
        """The value that starts here. Its brackets are checked, not what is between them.

        Raises ScanError for brackets that do not match, for values that are too deep and at the end of the text.
        """
        begin = self.skip_space()
        start = self.position
        if begin is None:
            raise self.unexpected(None, "expected a value")
        parts = _Parts(limit)
        if begin in _CLOSING:
            self._bracketed(parts)
        elif begin == ord('"'):
            self._pass(parts, self._index + 1)
            self._string(parts)
        elif begin in b",:]}":
            raise self.unexpected(begin, "expected a value")
        else:
            self._scalar(parts)
        return Value(parts.content, start, parts.length)

    def line(self, limit: int) -> Value | None:
        """The rest of this line without its end, None at the end. `complete` is False without a line feed."""
        if self.peek() is None:
            return None
        start, parts = self.position, _Parts(limit)
        while self.peek() is not None:
            end = self._piece.find(b"\n", self._index)
            self._pass(parts, len(self._piece) if end < 0 else end)
            if end >= 0:
                self._advance(end + 1)
                return Value(parts.content, start, parts.length)
        return Value(parts.content, start, parts.length, complete=False)

    def _comma(self, closing: str, of: str) -> bool:
        """Passes a comma. False when the closing bracket comes instead. Raises ScanError for anything else."""
        found = self.skip_space()
        if found == ord(closing):
            return False
        if found != ord(","):
            raise self.unexpected(found, f"expected a comma or {closing} in {of}")
        place = self.position
        self._advance(self._index + 1)
        if self.skip_space() == ord(closing):
            raise ScanError("trailingComma", f"there is a comma before {closing}; remove it", place)
        return True

    def _bracketed(self, parts: "_Parts") -> None:
        open_brackets = bytearray()
        while self.peek() is not None:
            end = self._brackets_of_piece(parts, open_brackets)
            if end is not None:
                self._pass(parts, end)
                return
        raise self.unexpected(None, f"expected {chr(open_brackets[-1])}")

    def _brackets_of_piece(self, parts: "_Parts", open_brackets: bytearray) -> int | None:
        """The index after the last bracket when this piece closes it; None at the end of the piece."""
        for found in _BRACKET_OR_STRING.finditer(self._piece, self._index):
            byte = self._piece[found.start()]
            if byte == ord('"'):
                if not found.group(1):
                    self._pass(parts, found.start() + 1)
                    self._string(parts)
                    return None
            elif byte in _CLOSING:
                if len(open_brackets) == _DEEPEST:
                    self._pass(parts, found.start())
                    raise ScanError("depth", f"more than {_DEEPEST} levels of brackets", self.position)
                open_brackets.append(_CLOSING[byte])
            elif byte != open_brackets[-1]:
                self._pass(parts, found.start())
                raise self.unexpected(byte, f"expected {chr(open_brackets[-1])}")
            else:
                open_brackets.pop()
                if not open_brackets:
                    return found.end()
        self._pass(parts, len(self._piece))
        return None

    def _string(self, parts: "_Parts") -> None:
        while self.peek() is not None:
            found = _REST_OF_STRING.match(self._piece, self._index)
            assert found is not None, "the pattern matches everything"
            self._pass(parts, found.end())
            if found.group(1):
                return
            if self._index < len(self._piece):
                # A backslash, whose character is in the next piece.
                self._pass(parts, self._index + 1)
                if self.peek() is not None:
                    self._pass(parts, self._index + 1)
        raise self.unexpected(None, 'expected " at the end of a string')

    def _scalar(self, parts: "_Parts") -> None:
        while self.peek() is not None:
            found = _END_OF_SCALAR.search(self._piece, self._index)
            self._pass(parts, found.start() if found else len(self._piece))
            if found:
                return

    def _pass(self, parts: "_Parts", end: int) -> None:
        parts.add(self._piece, self._index, end)
        self._advance(end)

    def _advance(self, end: int) -> None:
        self._line += self._piece.count(b"\n", self._index, end)
        self._byte += end - self._index
        self._index = end


class _Parts:
    """The bytes of a value, as far as they are within the limit."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._kept = bytearray()
        self.length = 0

    def add(self, piece: bytes, start: int, end: int) -> None:
        self.length += end - start
        if self.length <= self._limit:
            self._kept += memoryview(piece)[start:end]
        else:
            self._kept.clear()

    @property
    def content(self) -> bytes:
        return bytes(self._kept)


def parsed(value: Value, limit: int) -> Any:
    """The value of a JSON text. Raises ScanError, with the place, for more bytes than the limit and for everything that
    is not strictly JSON.
    """
    if value.length > limit:
        raise ScanError("tooLarge", f"{value.length} bytes; at most {limit} are accepted", value.start)
    try:
        text = value.content.decode()
    except UnicodeDecodeError as error:
        if error.reason == "unexpected end of data":
            reason = "the message is incomplete: it ends in the middle of a character"
            raise ScanError("cutOff", reason, value.at(error.start)) from None
        wrong = shown(value.content[error.start])
        reason = f"{wrong} is not UTF-8; save the file as UTF-8 (it may be Windows-1252 now)"
        raise ScanError("encoding", reason, value.at(error.start)) from None
    try:
        parsed = json.loads(
            text,
            object_pairs_hook=without_duplicates,
            parse_constant=_no_constant,
            parse_float=_finite,
            parse_int=_whole,
        )
        if _SURROGATE.search(value.content):
            json.dumps(parsed, ensure_ascii=False).encode()
    except json.JSONDecodeError as error:
        raise _syntax_error(value, text, error) from None
    except UnicodeEncodeError:
        raise ScanError("unicode", "half of a surrogate pair (such as \\ud800) is not text", value.start) from None
    except RecursionError:
        raise ScanError("depth", "too many levels of brackets", value.start) from None
    except ValueError as error:
        raise ScanError("value", str(error), value.start) from None
    return parsed


def _syntax_error(value: Value, text: str, error: json.JSONDecodeError) -> ScanError:
    offset = len(text[: error.pos].encode())
    before, found = text[: error.pos].rstrip(), text[error.pos :].lstrip()[:1]
    if _is_cut_off(text[error.pos :], error.msg):
        return ScanError("cutOff", f"the message is incomplete: {error.msg}", value.at(len(value.content)))
    if error.msg == "Extra data":
        if found == ",":
            reason = "there is a comma after the message; in JSON Lines nothing follows it"
            return ScanError("trailingComma", reason, value.at(offset))
        # Python counts a CR as white space, so the next message is what is in the way.
        if before.endswith("}") and "\r" in text[len(before) : error.pos]:
            place = value.at(len(before.encode()))
            return ScanError("lineEnd", "the line ends in CR alone; save the file with LF or CRLF", place)
        return ScanError("syntax", "a line must be one JSON object and nothing else", value.at(offset))
    if error.msg.startswith("Illegal trailing comma"):
        # From Python 3.13 on, the error is at the comma. Up to 3.12, it is at the bracket.
        before, found = text[: error.pos + 1], text[error.pos + 1 :].lstrip()[:1]
    if before.endswith(",") and found in "}]":
        place = value.at(len(before[:-1].encode()))
        return ScanError("trailingComma", f"there is a comma before {found}; remove it", place)
    return ScanError("syntax", f"not JSON: {error.msg}", value.at(offset))


def _is_cut_off(rest: str, message: str) -> bool:
    """Whether JSON ends where `rest` begins or in the middle of it, so that more text could make it valid."""
    rest = rest.strip()
    if message.startswith("Unterminated string") or not rest:
        return True
    if "escape" in message:
        return _START_OF_ESCAPE.fullmatch(rest) is not None
    # A number may end before its fraction or its exponent.
    return any(word.startswith(rest) for word in ("true", "false", "null", "-", ".", "e+", "e-", "E+", "E-"))


def without_duplicates(pairs: Sequence[tuple[str, Any]]) -> dict[str, Any]:
    """The members of an object, as `object_pairs_hook` of json. Raises ValueError for a name that appears twice."""
    made = dict(pairs)
    if len(made) != len(pairs):
        seen: set[str] = set()
        for name, _ in pairs:
            if name in seen:
                raise ValueError(f"{name[:100]!r} appears twice in one object")
            seen.add(name)
    return made


def _no_constant(name: str) -> Any:
    raise ValueError(f"{name} is not JSON")


def _finite(text: str) -> float:
    number = float(text)
    if not math.isfinite(number):
        raise ValueError(f"the number {text[:40]} is too large")
    return number


def _whole(text: str) -> int:
    # Python has a limit too, whose message is not for users.
    if len(text) > _MOST_DIGITS:
        raise ValueError(f"the number {text[:40]}... has {len(text)} digits; at most {_MOST_DIGITS} are accepted")
    return int(text)


def shown(byte: int) -> str:
    """A byte for a message: the character, or its number."""
    return chr(byte) if 0x21 <= byte <= 0x7E else f"byte 0x{byte:02X}"
