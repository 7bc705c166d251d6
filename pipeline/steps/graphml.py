"""The step graph as GraphML, which graph tools read (Gephi, yEd, networkx)."""

from __future__ import annotations

import re
from collections.abc import Sequence
from xml.etree import ElementTree

from tracewright.pipeline.steps.graph import StepGraph
from tracewright.pipeline.steps.memory import QUESTION

_NAMESPACE = "http://graphml.graphdrawing.org/xmlns"
_NODE_KEYS = {
    "check": "string", "reason": "string", "text": "string", "corrected_by": "int", "restates": "int",
    "unused": "boolean", "longest_chain": "boolean",
}  # fmt: skip
_INVALID_IN_XML = re.compile(r"[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def to_graphml(graph: StepGraph, texts: Sequence[str] = ()) -> str:
    """The graph as a GraphML document; with the steps' texts as attributes where they are given.

    Node `question` is the question, `s0`, `s1`, … are the steps. Characters that XML can't hold become U+FFFD.
    """
    root = ElementTree.Element("graphml", xmlns=_NAMESPACE)
    for name, kind in _NODE_KEYS.items():
        ElementTree.SubElement(root, "key", {"id": name, "for": "node", "attr.name": name, "attr.type": kind})
    body = ElementTree.SubElement(root, "graph", {"id": "steps", "edgedefault": "directed"})
    ElementTree.SubElement(body, "node", {"id": _node_id(QUESTION)})
    restated = dict(graph.restated)
    for index, check in enumerate(graph.checks):
        node = ElementTree.SubElement(body, "node", {"id": _node_id(index)})
        values = {
            "check": check.value,
            "reason": graph.reasons[index],
            "text": texts[index] if index < len(texts) else None,
            "corrected_by": graph.corrected_by[index],
            "restates": restated.get(index),
            "unused": "true" if index in graph.unused else None,
            "longest_chain": "true" if index in graph.longest_chain else None,
        }
        for key, value in values.items():
            if value is not None:
                ElementTree.SubElement(node, "data", {"key": key}).text = _INVALID_IN_XML.sub("\ufffd", str(value))
    for source, target in graph.edges:
        ElementTree.SubElement(body, "edge", {"source": _node_id(source), "target": _node_id(target)})
    return ElementTree.tostring(root, encoding="unicode", xml_declaration=True)


def _node_id(step: int) -> str:
    return "question" if step == QUESTION else f"s{step}"
