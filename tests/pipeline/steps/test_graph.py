"""The step graph: dependencies, unused and restated steps, the longest chain, GraphML."""

from __future__ import annotations

from xml.etree import ElementTree

from tracewright.pipeline.steps import check_steps, lay_out, step_graph, to_graphml

QUESTION = "A box holds 16 pens. Ann takes 4 pens and 3 friends share the rest. How many does each friend get?"
STEPS = [
    "There are 16 - 4 = 12 pens left.",
    "By the way, 16 * 3 = 48.",
    "Each friend gets 12 / 3 = 4 pens.",
    "Once more: 12 / 3 = 4.",
    "#### 4",
]
NAMESPACE = "{http://graphml.graphdrawing.org/xmlns}"


def test_step_rests_on_the_step_whose_result_it_uses() -> None:
    checked = check_steps(QUESTION, STEPS)
    assert checked[0].depends_on == (-1,)
    assert checked[2].depends_on == (-1, 0)
    assert 3 in checked[4].depends_on


def test_unused_step_is_found() -> None:
    assert 1 in step_graph(check_steps(QUESTION, STEPS)).unused


def test_restated_step_names_the_first_one() -> None:
    assert step_graph(check_steps(QUESTION, STEPS)).restated == ((3, 2),)


def test_longest_chain_of_worked_arithmetic_is_the_whole_solution() -> None:
    steps = ["47+38=85; = 85*3-20", "85*3=255; = 255-20", "255-20=235", "#### 235"]
    assert step_graph(check_steps("(47+38)*3-20", steps)).longest_chain == (0, 1, 2, 3)


def test_names_make_dependencies() -> None:
    checked = check_steps("", ["Let A = 3 + 4 = 7.", "Let B = 2 * 5 = 10.", "Then A + B = 17."])
    assert checked[2].depends_on == (0, 1)


def test_named_value_rests_on_the_step_that_arrived_at_it() -> None:
    steps = ["First, $f(2) = 3\\cdot 2 + 1 = 7$.", "Then $f(7) = 3 \\cdot 7 + 1 = 22$.", "So $f(f(2)) = 22$."]
    graph = step_graph(check_steps("Let f(x) = 3x + 1. Find f(f(2)).", steps))
    assert graph.longest_chain == (0, 1, 2)
    assert graph.unused == ()


def test_number_said_in_words_alone_is_a_source() -> None:
    checked = check_steps("", ["He has thirty and six, which is 36.", "36 / 4 = 9", "8 * 4 = 32"])
    assert [step.depends_on for step in checked] == [(), (0,), ()]


def test_step_that_is_named_is_a_source() -> None:
    checked = check_steps("", ["Step 1: 3 + 4 = 7", "Step 2: 5 * 2 = 10", "Step 3: from step 1 and Step 2, it is odd."])
    assert checked[2].depends_on == (0, 1)


def test_graphml_is_well_formed_and_complete() -> None:
    checked = check_steps(QUESTION, STEPS)
    texts = [*STEPS[:4], "#### 4 <&> \x00 \ud7ff"]
    root = ElementTree.fromstring(to_graphml(step_graph(checked), texts))  # noqa: S314
    nodes = [node.get("id") for node in root.iter(f"{NAMESPACE}node")]
    assert nodes == ["question", "s0", "s1", "s2", "s3", "s4"]
    edges = {(edge.get("source"), edge.get("target")) for edge in root.iter(f"{NAMESPACE}edge")}
    assert ("question", "s0") in edges
    assert ("s0", "s2") in edges
    checks = [data.text for data in root.iter(f"{NAMESPACE}data") if data.get("key") == "check"]
    assert checks == ["holds"] * 5


def test_graph_of_no_steps_is_empty() -> None:
    graph = step_graph([])
    assert (graph.edges, graph.longest_chain, graph.unused) == ((), (), ())


def test_layout_places_every_step_behind_what_it_rests_on() -> None:
    graph = step_graph(check_steps(QUESTION, STEPS))
    layout = lay_out(graph)
    columns = {node.step: node.column for node in layout.nodes}
    assert set(columns) == {-1, 0, 1, 2, 3, 4}
    assert all(columns[edge.source] < columns[edge.target] for edge in layout.edges)
    assert len({(node.column, node.row) for node in layout.nodes}) == len(layout.nodes)
    assert all(node.column < layout.columns and node.row < layout.rows for node in layout.nodes)
    assert [node.step for node in layout.nodes if node.is_on_longest_chain] == list(graph.longest_chain)
    assert sum(edge.is_on_longest_chain for edge in layout.edges) == len(graph.longest_chain) - 1


def test_layout_of_no_steps_is_the_question() -> None:
    assert [node.step for node in lay_out(step_graph([])).nodes] == [-1]
