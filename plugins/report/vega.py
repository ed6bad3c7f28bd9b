"""A picture as Vega draws it, made fit to stand inline in a page.

A room of its own, and a light one: where there are many pictures, processes of their own come here to draw them.
"""

from __future__ import annotations

import os
import re
import signal
import threading
from multiprocessing import parent_process
from typing import TYPE_CHECKING
from xml.etree import ElementTree as ET

if TYPE_CHECKING:
    from multiprocessing.process import BaseProcess

_SVG = "http://www.w3.org/2000/svg"
#: Of Vega's attributes those that a picture in a page does without: the page has the say over fonts and sizes.
_NEEDLESS = frozenset({"class", "role", "pointer-events", "font-family", "version", "width", "height", "opacity"})
#: What XML cannot hold, escaped or not.
_UNSPEAKABLE = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
#: Coordinates that are more precise than anybody sees.
_PRECISE = re.compile(r"\d+\.\d{2,}")


def drawn(spec: str, label: str) -> str:
    """A Vega-Lite specification (JSON) as one ``<svg>`` that scales, with ``label`` for who does not see it."""
    import vl_convert  # noqa: PLC0415 - nobody pays for it before something is drawn

    return _inlined(vl_convert.vegalite_to_svg(spec, allowed_base_urls=[]), label)


def serve() -> None:
    """Let a process of its own end with whoever waits for it, however that ends; Ctrl-C is meant for him alone."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    threading.Thread(target=_end_with, args=(parent_process(),), daemon=True).start()


def _end_with(parent: BaseProcess | None) -> None:
    if parent is not None:
        parent.join()
        os._exit(0)


def warm_up() -> None:
    """Draw what is next to nothing: the first picture of a process takes half a second longer than the others."""
    drawn('{"data": {"values": []}, "mark": "point"}', "")


def _inlined(svg: str, label: str) -> str:
    root = ET.fromstring(_UNSPEAKABLE.sub("\ufffd", svg))  # noqa: S314 - Vega's own, and of no document type
    for element in root.iter():
        element[:] = [child for child in element if not _unseen(child)]
        for name, value in list(element.attrib.items()):
            if name in _NEEDLESS or name.startswith("aria-"):
                del element.attrib[name]
            elif name in {"d", "transform"}:
                element.set(name, _PRECISE.sub(_brief, value))
    root.set("role", "img")
    root.set("aria-label", _UNSPEAKABLE.sub("\ufffd", label))
    ET.register_namespace("", _SVG)
    return ET.tostring(root, encoding="unicode")


def _unseen(element: ET.Element) -> bool:
    """Whether it draws nothing: groups' backgrounds, groups without anything in them, labels that had no room."""
    if element.get("opacity") == "0":
        return True
    if element.tag == f"{{{_SVG}}}path":
        return not {"fill", "stroke"} & element.attrib.keys()
    return element.tag == f"{{{_SVG}}}g" and not len(element)


def _brief(number: re.Match[str]) -> str:
    return f"{float(number[0]):.1f}"
