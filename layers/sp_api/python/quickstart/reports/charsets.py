"""The Content-Type that a document is stored with: a charset by a name that every reader knows, or the likely one."""

import codecs
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from sp_api.documents import charset_of

# SP-API uses Java's charset names, or a standard's name for the Windows variant of that charset. Python, browsers and
# iconv all know the names on the right and map them to the same characters.
_CHARSETS: Mapping[str, str] = {
    "cp1252": "windows-1252",
    "iso-8859-1": "windows-1252",
    "latin1": "windows-1252",
    "us-ascii": "windows-1252",
    "cp932": "ms932",
    "shift-jis": "ms932",
    "shift_jis": "ms932",
    "sjis": "ms932",
    "windows-31j": "ms932",
    "utf8": "UTF-8",
}
# The Unicode Standard, section 23.8: the longest mark first, because one begins another. UTF-16's and UTF-32's marks
# say the byte order, so the names do not.
_MARKS: tuple[tuple[bytes, str], ...] = (
    (codecs.BOM_UTF32_LE, "UTF-32"),
    (codecs.BOM_UTF32_BE, "UTF-32"),
    (b"\x84\x31\x95\x33", "GB18030"),
    (codecs.BOM_UTF8, "UTF-8"),
    (codecs.BOM_UTF16_LE, "UTF-16"),
    (codecs.BOM_UTF16_BE, "UTF-16"),
)
_LONGEST_MARK = 4
# What files of a marketplace usually are if they are not UTF-8: Windows's charset of its language.
_OF_MARKETPLACES: Mapping[str, tuple[str, str]] = {
    "A1VC38T7YXB528": ("cp932", "ms932"),
    "AAHKV2X7AFYLW": ("gb18030", "GB18030"),
}
_OTHERWISE = "windows-1252"


@dataclass(frozen=True)
class StoredContentType:
    """`guessed_charset` is the charset in `value` when neither SP-API nor the document says it, otherwise None."""

    value: str
    guessed_charset: str | None = None


class _Decodable:
    """Whether all bytes so far can be text in a charset; the last character may still be incomplete."""

    def __init__(self, codec: str) -> None:
        self._decoder = codecs.getincrementaldecoder(codec)()
        self.so_far = True

    def feed(self, data: bytes | memoryview, *, final: bool = False) -> None:
        if self.so_far:
            try:
                self._decoder.decode(data, final)
            except UnicodeDecodeError:
                self.so_far = False


class CharsetScan:
    """Reads along while a document is copied, in constant memory, and says what its Content-Type is so far.

    A byte order mark is proof, whatever SP-API says. SP-API's own charset is only given another name. Text without
    either is UTF-8 if all of it can be; otherwise the usual charset of the report's marketplaces is a guess. XML says
    its charset inside, and JSON is UTF-8.
    """

    def __init__(self, content_type: str | None, marketplace_ids: Iterable[str] = ()) -> None:
        self._sent = content_type if content_type and content_type.isascii() and content_type.isprintable() else None
        self._media_type = (self._sent or "").partition(";")[0].strip()
        self._charset = charset_of(self._sent)
        self._beginning = b""
        self._utf8 = _Decodable("utf-8")
        known = dict.fromkeys(_OF_MARKETPLACES[entry] for entry in marketplace_ids if entry in _OF_MARKETPLACES)
        self._candidates = [(name, _Decodable(codec)) for codec, name in known]

    def feed(self, data: bytes | memoryview) -> None:
        """The next bytes of the document, decompressed."""
        if len(self._beginning) < _LONGEST_MARK:
            self._beginning += data[:_LONGEST_MARK]
        if self._is_unlabelled_text:
            for decodable in self._decodables:
                decodable.feed(data)

    def finish(self) -> None:
        """The document has ended: half a character at its end contradicts a charset."""
        for decodable in self._decodables:
            decodable.feed(b"", final=True)

    def result(self) -> StoredContentType:
        """By the bytes so far."""
        if self._sent is None:
            return StoredContentType("application/octet-stream")
        if self._is_text or self._charset is not None:
            for mark, name in _MARKS:
                if self._beginning.startswith(mark):
                    return StoredContentType(f"{self._media_type}; charset={name}")
        if self._charset is not None:
            known = _CHARSETS.get(self._charset.lower())
            return StoredContentType(f"{self._media_type}; charset={known}" if known else self._sent)
        if not self._is_text:
            return StoredContentType(self._sent)
        if self._utf8.so_far:
            return StoredContentType(f"{self._media_type}; charset=UTF-8")
        likely = next((name for name, decodable in self._candidates if decodable.so_far), _OTHERWISE)
        return StoredContentType(f"{self._media_type}; charset={likely}", likely)

    @property
    def _decodables(self) -> list[_Decodable]:
        return [self._utf8, *(decodable for _, decodable in self._candidates)]

    @property
    def _is_text(self) -> bool:
        media_type = self._media_type.lower()
        return media_type.startswith("text/") and media_type != "text/xml"

    @property
    def _is_unlabelled_text(self) -> bool:
        return self._is_text and self._charset is None
