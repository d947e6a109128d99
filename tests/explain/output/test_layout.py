"""Where nodes stand: left to right, apart, and with few crossings."""

from __future__ import annotations

import itertools

from hypothesis import example, given
from hypothesis import strategies as st

from chainrule.explain.output.layout import Layout, arrange

GAP, ROW = 50.0, 100.0


@st.composite
def graphs(draw: st.DrawFn) -> tuple[list[float], list[tuple[int, int]]]:
    count = draw(st.integers(0, 14))
    widths = draw(st.lists(st.floats(10, 200), min_size=count, max_size=count))
    pairs = list(itertools.combinations(range(count), 2))
    edges = draw(st.lists(st.sampled_from(pairs), unique=True)) if pairs else []
    return widths, sorted(edges)


def overlapping(layout: Layout, widths: list[float]) -> list[tuple[int, int]]:
    found = []
    for i, j in itertools.combinations(range(len(widths)), 2):
        (x, y), (u, v) = layout.places[i], layout.places[j]
        if abs(x - u) < (widths[i] + widths[j]) / 2 and abs(y - v) < ROW - 1e-6:
            found.append((i, j))
    return found


@given(graphs())
@example(([10.0] * 7, [(0, 1), (0, 2), (0, 3), (0, 4), (0, 5), (3, 4), (3, 6)]))
def test_no_two_nodes_overlap(graph: tuple[list[float], list[tuple[int, int]]]) -> None:
    widths, edges = graph
    assert not overlapping(arrange(widths, edges, GAP, ROW), widths)


@given(graphs())
def test_every_edge_leads_to_the_right_from_its_node_to_its_user(
    graph: tuple[list[float], list[tuple[int, int]]],
) -> None:
    widths, edges = graph
    layout = arrange(widths, edges, GAP, ROW)
    assert len(layout.routes) == len(edges)
    for (source, target), route in zip(edges, layout.routes, strict=True):
        assert route[0] == layout.places[source]
        assert route[-1] == layout.places[target]
        assert all(a[0] < b[0] for a, b in itertools.pairwise(route))


@given(graphs())
def test_everything_lies_inside_the_drawing(
    graph: tuple[list[float], list[tuple[int, int]]],
) -> None:
    widths, edges = graph
    layout = arrange(widths, edges, GAP, ROW)
    for (x, y), width in zip(layout.places, widths, strict=True):
        assert width / 2 - 1e-6 <= x <= layout.width - width / 2 + 1e-6
        assert ROW / 2 - 1e-6 <= y <= layout.height - ROW / 2 + 1e-6


def test_edges_that_need_not_cross_do_not() -> None:
    # 0 → 4, 1 → 5, 2 → 3: three chains, given in a tangled order.
    layout = arrange([10.0] * 6, [(0, 4), (1, 5), (2, 3)], GAP, ROW)
    below = [layout.places[i][1] for i in range(6)]
    assert (below[0] < below[1]) == (below[4] < below[5])
    assert (below[1] < below[2]) == (below[5] < below[3])


def test_a_chain_is_a_straight_line() -> None:
    layout = arrange([10.0] * 5, [(i, i + 1) for i in range(4)], GAP, ROW)
    assert len({y for _, y in layout.places}) == 1


def test_an_input_stands_beside_its_first_use() -> None:
    # 3 is used only by the last node of a chain 0 → 1 → 2 → 4.
    layout = arrange([10.0] * 5, [(0, 1), (1, 2), (2, 4), (3, 4)], GAP, ROW)
    assert layout.places[3][0] == layout.places[2][0]


def test_a_thousand_nodes_in_a_row_are_laid_out() -> None:
    edges = [(i, i + 1) for i in range(999)] + [(0, 999)]
    layout = arrange([10.0] * 1000, edges, GAP, ROW)
    assert len(layout.routes[-1]) == 1000
