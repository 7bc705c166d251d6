"""The drawing of what rests on what."""

import re
from xml.etree import ElementTree

from tracewright.pipeline.report.step_drawing import draw_step_graph

parse = ElementTree.fromstring
HOSTILE = '<script>alert(1)</script> & " ]]>'


def test_a_chain_is_drawn_from_the_question_to_the_last_step() -> None:
    drawing = draw_step_graph("What is 2*3+4?", ["2*3=6", "6+4=11", "#### 11"])
    root = parse(drawing)
    assert [node.text for node in root.iter("text")] == ["Q", "1", "2", "3"]
    assert [node.get("class") for node in root.iter("circle")] == ["unchecked", "holds", "fails", "holds"]
    assert sum(path.get("class") == "chain" for path in root.iter("path")) == 2


def test_a_step_that_nothing_rests_on_has_a_dashed_ring() -> None:
    drawing = draw_step_graph("Compute 2*3+4.", ["2*3=6", "7*7=49", "6+4=10", "#### 10"])
    classes = [node.get("class") for node in parse(drawing).iter("circle")]
    assert classes.count("holds unused") == 1


def test_an_edge_over_other_steps_stays_inside_the_drawing() -> None:
    drawing = draw_step_graph("x", ["2*3=6", "6+1=7", "6*7=42", "#### 42"])
    top = float(str(parse(drawing).get("viewBox")).split()[1])
    heights = [float(number) for number in re.findall(r"[C ]\S+ (-[0-9.]+)", drawing)]
    assert heights and min(heights) >= top


def test_none_of_the_traces_text_is_in_the_drawing() -> None:
    drawing = draw_step_graph(HOSTILE, [f"2*3=6 {HOSTILE}", "6+4=10", "#### 10"])
    assert "script" not in drawing and "alert" not in drawing
    parse(drawing)


def test_steps_that_rest_on_nothing_have_no_drawing() -> None:
    assert draw_step_graph("Why?", ["Because.", "That is so."]) == ""
    assert draw_step_graph("", []) == ""
