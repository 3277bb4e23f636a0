"""The text of an HTML page, line by line as a reader sees it; one pass, whatever the page holds."""

from __future__ import annotations

import re
from collections.abc import Iterator
from html import unescape

TAG = re.compile(r"""<(/?)([a-zA-Z][a-zA-Z0-9:]*+)((?:[^<>"']++|"[^"]*+"|'[^']*+')*+)>""")
SPACES = re.compile(r"[ \t\r\n\f\v]+")
SILENT = frozenset({"script", "style", "head", "title", "template", "noscript", "svg", "object"})
"""Elements whose content nobody reads; what follows one that never ends is not read either."""
LINES = frozenset({
    "address", "article", "aside", "blockquote", "body", "br", "caption", "dd", "div", "dl", "dt", "fieldset",
    "figcaption", "figure", "footer", "form", "h1", "h2", "h3", "h4", "h5", "h6", "header", "hr", "html", "li", "main",
    "nav", "ol", "p", "pre", "section", "table", "tbody", "tfoot", "thead", "tr", "ul",
})  # fmt: skip
"""Elements that begin and end a line."""
CELLS = frozenset({"td", "th"})


def html_text(page: str) -> str:
    """The page's text: entities resolved, runs of blanks as one, a line for each block, list items with a dash."""
    lines = "".join(_pieces(page)).split("\n")
    return "\n".join(line for each in lines if (line := " ".join(each.split())))


def _pieces(page: str) -> Iterator[str]:
    at = 0
    while at < len(page):
        sign = page.find("<", at)
        if sign < 0:
            sign = len(page)
        if sign > at:
            yield _words(page[at:sign])
            at = sign
            continue
        tag = TAG.match(page, at)
        if tag is not None:
            yield _mark(tag)
            at = _behind(page, tag)
        elif (end := _declaration(page, at)) is not None:
            at = end
        else:  # a sign that opens nothing: BP < 90
            yield "<"
            at += 1


def _words(text: str) -> str:
    return SPACES.sub(" ", unescape(text).replace("\xa0", " "))


def _mark(tag: re.Match[str]) -> str:
    name = tag[2].lower()
    if name == "li" and not tag[1]:
        return "\n- "
    if name in LINES:
        return "\n"
    return " " if name in CELLS else ""


def _behind(page: str, tag: re.Match[str]) -> int:
    """Where reading goes on: behind the end of an element whose content is silent."""
    name = tag[2].lower()
    if tag[1] or name not in SILENT or tag[3].endswith("/"):
        return tag.end()
    end = re.compile(rf"</{name}\b[^<>]*>?", re.IGNORECASE).search(page, tag.end())
    return len(page) if end is None else end.end()


def _declaration(page: str, at: int) -> int | None:
    """The end of a comment, declaration or processing instruction that begins here."""
    for begins, ends in (("<!--", "-->"), ("<![CDATA[", "]]>"), ("<!", ">"), ("<?", ">")):
        if page.startswith(begins, at):
            end = page.find(ends, at + len(begins))
            return len(page) if end < 0 else end + len(ends)
    return None
