
// A recurrent network through time. Pure functions first: no document in them.

/** Whether something that appears in a frame is there after `count` frames: 0 always is. */
function stage(frame, count) {
  return frame > count ? "later" : frame === count && count > 0 ? "now" : "before";
}

/** `#step=3` as 3; "end" and nonsense are the last step. */
function readStep(hash, last) {
  const number = parseInt(new URLSearchParams(hash.replace(/^#/, "")).get("step"), 10);
  return Number.isFinite(number) ? Math.min(Math.max(number, 0), last) : last;
}

/** The texts of a row of the table after `count` frames. */
function rowAfter(row, count) {
  return row.map((cell) => (stage(cell.frame, count) === "later" ? "" : cell.text));
}

/** The line above the drawing. */
function lineAfter(frames, count, untouched) {
  if (untouched) {
    return { way: "", head: "", text: "All of it is drawn: predictions forward, errors, gradients back through time. Press Play, or Start and go step by step." };
  }
  if (count === 0) return { way: "", head: "", text: "Press → for the next step, or Play." };
  return frames[count - 1];
}

if (typeof module !== "undefined") module.exports = { stage, readStep, rowAfter, lineAfter };

// The document. Text is only ever set as text, never as markup.

function start() {
  const data = JSON.parse(document.getElementById("data").textContent);
  const last = data.frames.length;
  const parts = [...document.querySelectorAll("[data-frame]")];
  const panel = document.getElementById("panel");
  let count = readStep(location.hash, last), untouched = count === last;

  function go(wanted) {
    count = Math.min(Math.max(wanted, 0), last);
    untouched = false;
    show();
  }

  function show() {
    for (const part of parts) {
      const now = stage(Number(part.dataset.frame), count);
      part.classList.toggle("tt-later", now === "later");
      part.classList.toggle("tt-now", now === "now" && !untouched);
    }
    const line = lineAfter(data.frames, count, untouched);
    const caption = document.getElementById("caption");
    caption.className = line.way;
    caption.replaceChildren(element("b", line.head), document.createTextNode(line.text));
    panel.replaceChildren(element("p", data.note, "soft"), table(line.column), ...weights());
    controls.show(count);
    reveal();
    try { history.replaceState(null, "", untouched ? " " : `#step=${count}`); } catch { /* inside another page */ }
  }

  function table(column) {
    const whole = element("table"), top = element("thead"), head = element("tr"), body = element("tbody");
    const kept = data.head.map((_, i) => data.rows.some((row) => row[i].text));
    data.head.forEach((name, i) => { if (kept[i]) head.append(element("th", name)); });
    for (const row of data.rows) {
      const line = element("tr", null, Number(row[0].text) === column ? "now" : "");
      rowAfter(row, count).forEach((text, i) => { if (kept[i]) line.append(element("td", text)); });
      body.append(line);
    }
    top.append(head);
    whole.append(top, body);
    return whole;
  }

  /** What each step adds to the gradients of the weights, at the end. */
  function weights() {
    if (count < last) return [];
    const made = data.weights.length ? [element("h3", "What each step adds to a weight's gradient")] : [];
    for (const each of data.weights) {
      const bars = element("div", null, "bars"), largest = Math.max(...each.sizes) || 1;
      for (const size of each.sizes) {
        const bar = element("i");
        bar.style.height = `${(100 * size) / largest}%`;
        bars.append(bar);
      }
      made.push(element("p", `${each.name}: from ${each.first} at the first step to ${each.last} at the last`, "soft"), bars);
    }
    return made;
  }

  function reveal() {
    const now = document.querySelector(".tt-now");
    if (!now) return;
    const box = now.getBoundingClientRect(), frame = document.getElementById("graph");
    const room = frame.getBoundingClientRect();
    if (box.left < room.left || box.right > room.right) {
      frame.scrollLeft += box.left + box.width / 2 - room.left - room.width / 2;
    }
  }

  const controls = stepControls(last, () => count, go);
  window.addEventListener("hashchange", () => {
    const wanted = readStep(location.hash, last);
    if (wanted !== count) go(wanted);
  });
  show();
}

if (typeof document !== "undefined") start();
