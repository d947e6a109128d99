"use strict";

/** A new element of the page; its text is set as text, never as markup. */
function element(tag, text, className) {
  const made = document.createElement(tag);
  if (text !== undefined && text !== null) made.textContent = text;
  if (className) made.className = className;
  return made;
}

/** Buttons, slider, keys and a clock that move through `last` steps.
 *  `now()` is the number of the present one, `go(number)` goes to another. */
function stepControls(last, now, go) {
  const slider = document.getElementById("slider");
  const button = document.getElementById("play");
  let timer = null;

  function stop() {
    clearInterval(timer);
    timer = null;
    button.textContent = "Play";
  }

  function play() {
    if (timer !== null) return stop();
    if (now() === last) go(0);
    button.textContent = "Pause";
    timer = setInterval(() => { go(now() + 1); if (now() === last) stop(); }, 1100);
  }

  const moves = {
    first: () => go(0), previous: () => go(now() - 1), next: () => go(now() + 1), last: () => go(last),
  };
  for (const [id, move] of Object.entries(moves)) {
    document.getElementById(id).addEventListener("click", () => { stop(); move(); });
  }
  button.addEventListener("click", play);
  slider.max = String(last);
  slider.addEventListener("input", () => { stop(); go(Number(slider.value)); });
  const keys = { ArrowRight: "next", ArrowDown: "next", ArrowLeft: "previous", ArrowUp: "previous", Home: "first", End: "last" };
  document.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.altKey || event.metaKey) return;
    if (event.key in keys) { event.preventDefault(); stop(); moves[keys[event.key]](); }
    else if (event.key === " " && event.target.tagName !== "BUTTON" && !event.target.closest(".cr-node")) {
      event.preventDefault(); play();
    }
  });

  function show(count) {
    slider.value = String(count);
    document.getElementById("count").textContent = `step ${count} of ${last}`;
  }
  return { stop, show };
}
