"""``cr.explain`` of tensors and graphs: what it says, and what it refuses."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import numpy as np
import pytest

import chainrule as cr
from chainrule import nn
from chainrule.errors import ChainruleError

SVG = "{http://www.w3.org/2000/svg}"


def lecture() -> Any:
    """f(x, y, z) = (x + y)·z at x = 1, y = −3, z = 4."""
    x, y, z = cr.tensor(1.0), cr.tensor(-3.0), cr.tensor(4.0)
    s = x + y
    f = s * z
    return cr.explain(f)


def test_the_lectures_example_is_written_out_forward_and_backward() -> None:
    lines = [re.sub(r"\s+test_\w+\.py:\d+$", "", x) for x in str(lecture()).split("\n")]
    assert lines == [
        "f = −8: 5 nodes",
        "",
        "forward: values, inputs first",
        "  x = 1",
        "  y = −3",
        "  z = 4",
        "  s = x + y = 1 + (−3) = −2",
        "  f = s · z = −2 · 4 = −8",
        "",
        "backward: derivatives of f, from it to the inputs",
        "  ∂f/∂f = 1",
        "  ∂f/∂s = ∂f/∂f · ∂f/∂s = 1 · 4 = 4",
        "  ∂f/∂z = ∂f/∂f · ∂f/∂z = 1 · (−2) = −2",
        "  ∂f/∂y = ∂f/∂s · ∂s/∂y = 4 · 1 = 4",
        "  ∂f/∂x = ∂f/∂s · ∂s/∂x = 4 · 1 = 4",
    ]


def test_the_text_names_the_users_lines() -> None:
    assert re.search(r"s = x \+ y = .* +test_explanation\.py:\d+", str(lecture()))


def halves(svg: str) -> dict[str, tuple[str, str]]:
    """From a drawing: name → (left half, right half)."""
    found = {}
    for group in ElementTree.fromstring(svg).iter(f"{SVG}g"):
        if "cr-node" in group.get("class", "").split():
            texts = {
                part: "".join(
                    text.text or ""
                    for inner in group.iter(f"{SVG}g")
                    if inner.get("class", "").split()[0] == part
                    for text in inner.iter(f"{SVG}text")
                )
                for part in ("cr-delta", "cr-value")
            }
            name = next(
                t.text for t in group.iter(f"{SVG}text") if t.get("class") == "cr-name"
            )
            found[str(name)] = (texts["cr-delta"], texts["cr-value"])
    return found


def test_the_drawing_has_values_on_the_right_and_derivatives_on_the_left() -> None:
    drawn = halves(lecture().svg())
    assert drawn == {
        "x": ("4", "1"),
        "y": ("4", "−3"),
        "z": ("−2", "4"),
        "s": ("4", "−2"),
        "f": ("1", "−8"),
    }


def test_the_drawing_has_an_arrow_for_each_use_with_its_local_derivative() -> None:
    tree = ElementTree.fromstring(lecture().svg())
    edges = [g for g in tree.iter(f"{SVG}g") if g.get("class") == "cr-edge"]
    labels = ["".join(t.text or "" for t in g.iter(f"{SVG}text")) for g in edges]
    assert sorted(labels) == ["× 1", "× 1", "× 4", "× −2"]
    assert all("url(#" in (g.find(f"{SVG}path").get("marker-end") or "") for g in edges)


def test_one_node_is_its_value_its_sum_and_a_finite_difference() -> None:
    found = lecture()
    expected = [
        "z = 4",
        "∂f/∂z = ∂f/∂f · ∂f/∂z = 1 · (−2) = −2",
        "finite difference: −2 (h = 4e−05)",
    ]
    assert found["z"].split("\n") == expected
    assert found[found.names["z"]] == found["z"] == found.explain("z")


def test_a_node_that_is_used_twice_has_a_sum_of_two_products() -> None:
    x = cr.tensor(3.0)
    a = x * 2.0
    b = x + 0.0
    loss = a * b
    # a·b = 2x·x, so ∂/∂x = 4x = 12, of which 6 through a, and 6 through b.
    assert cr.explain(loss)["x"].split("\n")[1] == (
        "∂loss/∂x = ∂loss/∂a · ∂a/∂x + ∂loss/∂b · ∂b/∂x = 3 · 2 + 6 · 1 = 12"
    )


def test_a_product_of_a_node_with_itself_is_one_term_with_its_whole_derivative() -> (
    None
):
    x = cr.tensor(3.0)
    y = x * x
    assert "∂y/∂x = ∂y/∂y · ∂y/∂x = 1 · 6 = 6" in cr.explain(y)["x"]


def test_values_and_gradients_are_arrays_by_name_or_by_node() -> None:
    W = cr.parameter([[1.0, 2.0], [3.0, 4.0]], name="W")
    loss = (W @ cr.tensor([1.0, 0.0])).sum()
    found = cr.explain(loss)
    np.testing.assert_array_equal(found.gradient("W"), [[1, 0], [1, 0]])
    np.testing.assert_array_equal(found.gradient(W), cr.backprop(loss)[W].numpy())
    np.testing.assert_array_equal(found.value(W), W.numpy())
    W.assign(W * 0.0)
    np.testing.assert_array_equal(found.value(W), [[1, 2], [3, 4]])


def test_the_sum_of_one_entry_of_a_tensor_has_a_term_for_each_result_it_moves() -> None:
    W = cr.parameter([[1.0, 2.0], [3.0, 4.0]], name="W")
    z = W * W
    u = z[0] + z[1]
    L = (u * u).sum()
    text = cr.explain(L).explain("z", entry=1)
    assert "∂L/∂z[0, 1] = " in text
    assert text.split("\n")[1].endswith(" = 40")  # 2·(4 + 16)
    assert "finite difference at z[0, 1]: 40 " in text


def test_a_large_tensor_is_described_and_not_printed() -> None:
    x = cr.tensor(np.linspace(-1.0, 1.0, 1000, dtype=np.float32))
    text = str(cr.explain((x * x).sum()))
    assert "x  float32[1000]: min −1, mean " in text
    assert "max 1, norm 18.28" in text
    assert max(map(len, text.split("\n"))) < 150


def test_a_tensor_of_several_elements_is_explained_by_the_sum_of_them() -> None:
    x = cr.tensor([1.0, 2.0])
    y = x * 3.0
    found = cr.explain(y)
    assert "the derivatives are those of the sum of its elements" in str(found)
    np.testing.assert_array_equal(found.gradient("x"), [3.0, 3.0])
    assert "∂Σy/∂x = ∂Σy/∂y · ∂y/∂x = [3, 3]" in str(found)


@pytest.mark.parametrize(
    ("tensor", "line"),
    [
        (lambda: cr.tensor([1, 2]) + 1, "no derivatives: L: int64 values have no"),
        (lambda: cr.tensor([True]), "no derivatives: L: bool values have no"),
        (lambda: cr.tensor(3.0, name="c"), "  ∂c/∂c = 1"),
        (lambda: cr.parameter(2.0, name="w"), "  ∂w/∂w = 1"),
        (lambda: cr.zeros((0, 3)) * 2.0, "no elements"),
        (lambda: cr.log(cr.tensor(0.0, name="x")), "  ∂L/∂x = ∂L/∂L · ∂L/∂x = 1 · ∞"),
        (lambda: cr.tensor(float("nan"), name="x") * 2, "  L = x · 2 = NaN · 2 = NaN"),
    ],
)
def test_every_kind_of_tensor_is_explained(
    tensor: Callable[[], Any], line: str
) -> None:
    found = cr.explain(tensor())
    assert line in str(found)
    ElementTree.fromstring(found.svg())
    assert found.html().startswith("<!doctype html>")


def test_an_integer_operand_has_a_value_and_no_derivative() -> None:
    k = cr.tensor([0, 2])
    x = cr.tensor([1.0, 2.0, 3.0])
    found = cr.explain(cr.take(x, k).sum())
    assert "k: int64 values have no derivative" in found["k"]
    assert halves(found.svg())["k"][0] == ""


def test_a_scan_is_one_node_with_its_body_listed() -> None:
    w = cr.parameter(0.5, name="w")
    xs = cr.tensor([1.0, 2.0, 3.0])
    last, hs = cr.scan(lambda h, x: (cr.tanh(w * h + x),) * 2, 0.0, xs)
    loss = last + hs.sum()
    found = cr.explain(loss)
    assert (
        sum(node.op is not None and node.op.name == "scan" for node in found.nodes) == 1
    )
    assert "= tanh(w · carry" in str(found)
    assert {"last", "hs", "xs", "w"} <= set(found.names)
    np.testing.assert_allclose(
        found.difference("w").value, found.gradient("w"), rtol=1e-5
    )


def test_a_traced_graph_is_drawn_without_values() -> None:
    W = cr.parameter([[1.0, 2.0]], name="W")

    def step(x: Any) -> Any:
        loss = ((W * x) ** 2).sum()
        W.assign(W - 0.1 * cr.backprop(loss)[W])
        return loss

    found = cr.explain(cr.trace(step, cr.zeros((1, 2))))
    text = str(found)
    assert "traced, so no values" in text
    assert "update W ← " in text
    assert "return " in text
    drawn = halves(found.svg())
    assert drawn["W"] == ("", "") and drawn["x"] == ("", "")
    assert "cr-backward" in found.svg()
    assert found.html()


def test_hundred_thousand_nodes_are_explained_without_recursion() -> None:
    y = cr.tensor(1.0, name="x")
    for _ in range(100_000):
        y = y + 0.5
    found = cr.explain(y)
    text = str(found)
    assert len(text.split("\n")) < 140
    assert "99,941 more; .text(limit=None) shows all, [node] one of them" in text
    svg = found.svg()
    assert svg.count('class="cr-node') == 80
    assert "the last 80 nodes; 99,921 earlier" in svg
    assert len(found.html()) < 500_000
    assert found.gradient("x") == 1.0


def test_the_readers_names_are_text_and_never_markup() -> None:
    name = "<script>alert(1)</script>&\"'\u2028\x00 δ"
    x = cr.tensor([1.0, 2.0], name=name)
    found = cr.explain((x * x).sum())
    for text in (found.svg(), found.html(), found._repr_html_()):
        assert "<script>alert" not in text
        assert "\u2028" not in text and "\x00" not in text
    ElementTree.fromstring(found.svg())
    assert "\u2028" not in str(found)
    assert "<script>alert(1)</script>&\"' δ" in found.names


def test_a_lone_surrogate_in_a_name_can_be_written(tmp_path: Path) -> None:
    found = cr.explain(cr.tensor(1.0, name="a\ud800b") * 2.0)
    for ending in ("svg", "html", "txt"):
        found.save(tmp_path / f"x.{ending}")


def test_save_writes_what_the_ending_says(tmp_path: Path) -> None:
    found = lecture()
    for ending, text in [
        ("txt", str(found)),
        ("svg", None),
        ("HTML", found.html()),
    ]:
        path = tmp_path / f"f.{ending}"
        found.save(path)
        written = path.read_text(encoding="utf-8")
        assert written.endswith("\n")
        if text is not None:
            assert written == text + "\n"
        else:
            ElementTree.fromstring(written)


def test_notebooks_are_given_the_drawing() -> None:
    found = lecture()
    assert found._repr_svg_().startswith("<svg")
    assert "<svg" in found._repr_html_()
    assert repr(found) == str(found)


def test_two_drawings_in_one_notebook_keep_their_own_arrows() -> None:
    first, second = lecture().svg(), lecture().svg()
    ids = [set(re.findall(r'id="([^"]+)"', svg)) for svg in (first, second)]
    assert ids[0] and not ids[0] & ids[1]


def test_explaining_changes_nothing() -> None:
    W = cr.parameter([1.0, 2.0], name="W")
    loss = (W * W).sum()
    before = cr.backprop(loss)[W].numpy().copy()
    found = cr.explain(loss)
    found.html()
    found.gradient("W")[:] = 7
    found.value("W")[:] = 7
    np.testing.assert_array_equal(cr.backprop(loss)[W].numpy(), before)
    np.testing.assert_array_equal(W.numpy(), [1, 2])


X = cr.tensor(1.0, name="x")
F = X * 2.0
MISTAKES: list[tuple[str, Callable[[], Any], str, str]] = [
    (
        "a number",
        lambda: cr.explain(3),
        "explain: int is neither a tensor, nor a graph, nor a network",
        "cr.explain(loss), where loss was computed from tensors",
    ),
    (
        "a function",
        lambda: cr.explain(np.sin.reduce),
        "explain: builtin_function_or_method is neither a tensor, nor a graph, nor a "
        "network: call it, and explain what it returns",
        "cr.explain(f(x)), or cr.explain(cr.trace(f, x))",
    ),
    (
        "data beside a tensor",
        lambda: cr.explain(F, X),
        "explain: x, y, loss and names belong to a network, not to a Tensor",
        "explain the tensor alone: cr.explain(loss)",
    ),
    (
        "inside compile",
        lambda: cr.compile(lambda x: cr.explain(x * 2.0))(X),
        "explain: inside a function that is being traced no value is known",
        "call the function without cr.compile, or explain cr.trace(f, …)",
    ),
    (
        "an ending",
        lambda: cr.explain(F).save("f.png"),
        "explain: save('f.png'): the ending says what to write: .txt, .svg or .html",
        "save('f.html')",
    ),
    (
        "a folder that is not there",
        lambda: cr.explain(F).save("no/such/f.svg"),
        "explain: 'no/such/f.svg' cannot be written: No such file or directory",
        "name a file in a folder that exists and may be written to",
    ),
    (
        "a name",
        lambda: cr.explain(F)["xx"],
        "explain: 'xx' names no node of F = x · 2",
        "did you mean 'x'?",
    ),
    (
        "a foreign node",
        lambda: cr.explain(F)[cr.tensor([1.0], name="w")],
        "explain: w (1,) is not part of the computation of F = x · 2",
        "ask for a node that it was computed from, or one of .names",
    ),
    (
        "an entry",
        lambda: cr.explain(F).difference("x", 1),
        "explain: entry 1 of x (): it has 1 elements",
        "count through the flattened value, from 0",
    ),
    (
        "too large a drawing",
        lambda: cr.explain(F).svg(last=10_000),
        "explain: last=10000: a drawing shows 1 to 1000 nodes",
        "see them all as text: .text(limit=None)",
    ),
    (
        "no lines",
        lambda: cr.explain(F).text(limit=0),
        "explain: limit=0: expected at least 1, or None",
        "",
    ),
    (
        "a network without data",
        lambda: cr.explain(nn.Linear(2, 1)),
        "explain: Linear needs an input and a target to compute a loss",
        "cr.explain(model, x, y)",
    ),
    (
        "a loss",
        lambda: cr.explain(nn.Linear(2, 1), [[1.0, 2.0]], [[1.0]], loss="mes"),
        "unknown loss 'mes': expected one of ",
        "did you mean 'mse'?",
    ),
    (
        "a loss that is no function",
        lambda: cr.explain(nn.Linear(2, 1), [[1.0, 2.0]], [[1.0]], loss=3),
        "explain: loss=3: expected the name of a loss, or a function of "
        "(output, target)",
        'loss="mse"',
    ),
    (
        "a network without parameters",
        lambda: cr.explain(nn.ReLU(), [1.0], [2.0]),
        "explain: ReLU called no layer with parameters, so there is nothing to "
        "differentiate with respect to",
        "explain the loss itself: cr.explain(loss)",
    ),
]


@pytest.mark.parametrize(
    ("mistake", "what", "fix"), [m[1:] for m in MISTAKES], ids=[m[0] for m in MISTAKES]
)
def test_a_mistake_is_one_clear_error(
    mistake: Callable[[], Any], what: str, fix: str
) -> None:
    with pytest.raises(ChainruleError) as caught:
        mistake()
    assert caught.value.what.startswith(what)
    assert (caught.value.fix or "") == fix


def test_a_traced_tensor_that_escaped_has_no_value_to_explain() -> None:
    kept: list[Any] = []
    cr.trace(lambda x: kept.append(x * 2.0) or x, X)
    with pytest.raises(cr.errors.TraceError, match="explain: this tensor was traced"):
        cr.explain(kept[0])
