// What a page shows after a number of steps. Pure functions: no document in them.

/** The nodes whose value and derivative are known after `count` steps, and the latest. */
function stateAfter(steps, count) {
  const done = steps.slice(0, count);
  return {
    known: new Set(done.filter((s) => s.way === "forward").map((s) => s.node)),
    derived: new Set(done.filter((s) => s.way === "backward").map((s) => s.node)),
    current: count > 0 ? steps[count - 1] : null,
  };
}

/** `#step=3&node=s` as {step, node}; "end" is the last step, nonsense is nothing. */
function readHash(hash, nodes, last) {
  const given = new URLSearchParams(hash.replace(/^#/, ""));
  const asked = given.get("step");
  const number = asked === "end" ? last : parseInt(asked, 10);
  const name = given.get("node");
  const node = nodes.findIndex((n) => n.name === name || n.typed === name);
  return {
    step: Number.isFinite(number) ? Math.min(Math.max(number, 0), last) : null,
    node: node >= 0 ? node : null,
  };
}

/** How an edge looks: taking a value on, or a derivative back, or at rest. */
function edgeState(edge, state) {
  const now = state.current;
  return {
    flowing: now !== null && now.way === "forward" && now.node === edge.to,
    returning: now !== null && now.way === "backward" && now.node === edge.from,
    passed: state.derived.has(edge.from) && state.derived.has(edge.to),
  };
}

/** The line above the drawing. */
function captionAfter(data, count) {
  const step = count > 0 ? data.steps[count - 1] : null;
  if (step === null) {
    return { way: "", head: "", text: "Press → for the next step, End to see all, or click a node." };
  }
  const node = data.nodes[step.node];
  return step.way === "forward"
    ? { way: "forward", head: "forward  ", text: node.forward }
    : { way: "backward", head: "backward  ", text: node.sum };
}

/** The line above the drawing when the page opens, with everything in it. */
const OPENING = {
  way: "", head: "",
  text: "Every value and every derivative is drawn. Click a node to see how it came about, or press Start and go step by step.",
};

/** A long chain of equations as lines, each but the first beginning with "=". */
function equationLines(text) {
  if (text.length <= 40) return [text];
  return text.split(" = ").map((part, i) => (i ? `= ${part}` : part));
}

if (typeof module !== "undefined") {
  module.exports = { stateAfter, readHash, edgeState, captionAfter, equationLines };
}

// The document. Text is only ever set as text, never as markup.

function start() {
  const data = JSON.parse(document.getElementById("data").textContent);
  const last = data.steps.length;
  const drawn = [...document.querySelectorAll(".cr-node")];
  const edges = [...document.querySelectorAll(".cr-edge")];
  const panel = document.getElementById("panel");
  let count = 0, selected = null, entry = 0, clicked = false;

  function go(wanted) {
    count = Math.min(Math.max(wanted, 0), last);
    const step = count > 0 ? data.steps[count - 1] : null;
    select(step === null ? null : step.node, false);
    show();
    reveal();
  }

  function select(node, byHand) {
    if (node !== selected) entry = 0;
    selected = node;
    clicked = byHand;
  }

  function show() {
    const state = stateAfter(data.steps, count);
    drawn.forEach((group, i) => {
      group.classList.toggle("cr-known", state.known.has(i));
      group.classList.toggle("cr-derived", state.derived.has(i));
      group.classList.toggle("cr-current", selected !== null && state.current !== null && state.current.node === i);
      group.classList.toggle("cr-selected", selected === i);
    });
    edges.forEach((group) => {
      const edge = { from: Number(group.dataset.from), to: Number(group.dataset.to) };
      const look = edgeState(edge, selected === null ? { ...state, current: null } : state);
      for (const name of ["flowing", "returning", "passed"]) {
        group.classList.toggle(`cr-${name}`, look[name]);
      }
    });
    controls.show(count);
    const caption = selected === null && count === last ? OPENING : captionAfter(data, count);
    const line = document.getElementById("caption");
    line.className = caption.way;
    line.replaceChildren(element("b", caption.head), document.createTextNode(caption.text));
    showPanel(state);
    const hash = selected === null && count === last ? " " : `#step=${count}` + (clicked ? `&node=${encodeURIComponent(data.nodes[selected].name)}` : "");
    try { history.replaceState(null, "", hash); } catch { /* a page inside another one */ }
  }

  function reveal(node = selected) {
    if (node === null || !drawn[node]) return;
    const box = drawn[node].getBoundingClientRect();
    const frame = document.getElementById("graph");
    const room = frame.getBoundingClientRect();
    if (box.left < room.left || box.right > room.right) {
      frame.scrollLeft += box.left + box.width / 2 - room.left - room.width / 2;
    }
    if (box.top < room.top || box.bottom > room.bottom) {
      frame.scrollTop += box.top + box.height / 2 - room.top - room.height / 2;
    }
  }

  function showPanel(state) {
    panel.replaceChildren();
    if (selected === null) {
      if (data.facts.length) panel.append(element("h2", "The example"), factTable());
      panel.append(element("h2", "The drawing"), element("p", data.legend, "soft"));
      return;
    }
    const node = data.nodes[selected];
    panel.append(element("h2", node.name), element("p", node.about, "soft"));
    if (node.line) panel.append(element("p", node.line, "soft"));
    panel.append(element("h3", "value, forward", "forward"), equation(node.forward));
    if (node.valueStrip.length) panel.append(strip(node.valueStrip));
    if (node.statistics) panel.append(element("p", node.statistics, "soft"));
    if (clicked || state.derived.has(selected)) showDerivative(node);
    if (node.body) panel.append(element("h3", "the loop's body"), element("pre", node.body));
  }

  function showDerivative(node) {
    if (!node.sum) return;
    panel.append(element("h3", "derivative, backward", "backward"), equation(node.sum));
    if (node.deltaStrip.length) panel.append(strip(node.deltaStrip));
    if (node.entries.length > 1) panel.append(entryTable(node));
    const chosen = node.entries[entry];
    if (!chosen) return;
    if (node.entries.length > 1 || chosen.sum !== node.sum) panel.append(equation(chosen.sum));
    panel.append(element("h3", "finite difference" + (node.entries.length > 1 ? ` at ${node.name}${chosen.at}` : "")));
    const verdict = element("p", chosen.difference, "sum");
    verdict.append(" ", element("span", chosen.verdict, chosen.agrees === null ? "soft" : chosen.agrees ? "good" : "bad"));
    panel.append(verdict);
    if (chosen.rule) panel.append(element("p", chosen.rule, "soft"));
  }

  /** An equation; a long one with each right side on a line of its own. */
  function equation(text) {
    const whole = element("p", null, "sum");
    equationLines(text).forEach((line, i) => whole.append(element("span", line, i ? "right" : "")));
    return whole;
  }

  function strip(colours) {
    const row = element("div", null, "strip");
    for (const colour of colours) {
      const cell = element("i");
      cell.style.background = colour;
      row.append(cell);
    }
    return row;
  }

  function factTable() {
    const table = element("table", null, "facts"), top = element("thead"), body = element("tbody");
    const [head, ...rows] = data.facts;
    for (const [cells, kind, place] of [[head, "th", top], ...rows.map((row) => [row, "td", body])]) {
      const line = element("tr");
      for (const cell of cells) line.append(element(kind, cell));
      place.append(line);
    }
    table.append(top, body);
    return table;
  }

  function entryTable(node) {
    const table = element("table"), head = element("tr"), body = element("tbody");
    for (const name of ["entry", "value", "derivative", "difference"]) head.append(element("th", name));
    node.entries.forEach((each, i) => {
      const row = element("tr", null, i === entry ? "picked" : "");
      const first = element("td"), swatch = element("span", null, "swatch");
      swatch.style.background = each.colour;
      first.append(swatch, each.at);
      row.append(first, element("td", each.value), element("td", each.delta), element("td", each.difference));
      row.addEventListener("click", () => { entry = i; show(); });
      body.append(row);
    });
    const top = element("thead");
    top.append(head);
    table.append(top, body);
    return table;
  }

  const controls = stepControls(last, () => count, go);
  drawn.forEach((group, i) => {
    const pick = () => { controls.stop(); select(i, true); show(); };
    group.addEventListener("click", pick);
    group.addEventListener("keydown", (event) => {
      if (event.key === "Enter" || event.key === " ") { event.preventDefault(); pick(); }
    });
  });

  function follow() {
    const asked = readHash(location.hash, data.nodes, last);
    count = asked.step !== null ? asked.step : asked.node !== null ? count : last;
    if (asked.step === null && asked.node === null) {
      select(null, false);
      show();
      reveal(0);
      return;
    }
    const step = count > 0 ? data.steps[count - 1] : null;
    select(asked.node !== null ? asked.node : step && step.node, asked.node !== null);
    show();
    reveal();
  }
  window.addEventListener("hashchange", follow);
  document.body.classList.add("stepping");
  follow();
}

if (typeof document !== "undefined") start();
