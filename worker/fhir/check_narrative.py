"""Narratives: well-formed XHTML of FHIR's allowed elements, with nothing that runs or fetches."""

from __future__ import annotations

from collections.abc import Iterator
from xml.etree import ElementTree

from fhir.resources.R4B.narrative import Narrative

from worker.fhir.check_tree import Tree
from worker.fhir.narrative import XHTML
from worker.fhir.problem import Problem

ELEMENTS = frozenset({
    "div", "p", "br", "hr", "h1", "h2", "h3", "h4", "h5", "h6", "span", "b", "i", "em", "strong", "small",
    "big", "tt", "sub", "sup", "code", "pre", "blockquote", "ul", "ol", "li", "dl", "dt", "dd", "table",
    "caption", "colgroup", "col", "thead", "tbody", "tfoot", "tr", "th", "td", "a", "img",
})  # fmt: skip
ATTRIBUTES = frozenset({"class", "id", "lang", "title", "alt", "href", "src", "colspan", "rowspan", "name"})
INLINE = ("#", "data:image/")
"""What an image may come from: the resource itself, never the network."""
LINKS = ("#", "http://", "https://", "urn:")


def of_narratives(tree: Tree) -> Iterator[Problem]:
    """Every narrative of a bundle."""
    for path, node in tree.nodes:
        if isinstance(node, Narrative):
            yield from _div(str(node.div), f"{path}.div")


def _div(div: str, path: str) -> Iterator[Problem]:
    if "<!" in div or "<?" in div:
        yield Problem("txt-1", path, "holds no declarations, comments or processing instructions")
        return
    try:
        root = ElementTree.fromstring(div)  # noqa: S314 - declarations were refused above, so no entity can expand
    except ElementTree.ParseError:
        yield Problem("txt-1", path, "must be well-formed XHTML")
        return
    if root.tag != f"{{{XHTML}}}div":
        yield Problem("txt-1", path, "must be a div of XHTML's namespace")
    if not "".join(root.itertext()).strip() and root.find(f".//{{{XHTML}}}img") is None:
        yield Problem("txt-2", path, "must say something")
    for each in root.iter():
        yield from _safe(each, path)


def _safe(each: ElementTree.Element, path: str) -> Iterator[Problem]:
    if not isinstance(each.tag, str) or each.tag.removeprefix(f"{{{XHTML}}}") not in ELEMENTS:
        yield Problem("txt-1", path, "holds an element that a narrative may not have")
    if set(each.attrib) - ATTRIBUTES:
        yield Problem("txt-1", path, "holds an attribute that a narrative may not have")
    if not each.attrib.get("src", "#").startswith(INLINE):
        yield Problem("txt-1", path, "holds an image from outside")
    if not each.attrib.get("href", "#").startswith(LINKS):
        yield Problem("txt-1", path, "holds a link that is neither inside nor to the web")
