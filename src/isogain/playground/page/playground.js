// What happens when: a knob is turned, the engine answers, a scene is opened, the language changes.
(() => {
  const { root, status, listen } = pageTools;
  const find = (id) => document.getElementById(id);
  let state = knobState.read(), asked = 0, busy = false, again = false, latest = null;

  /* The law's own row, times the gain: what the engine draws. */
  const complete = () => ({ ...state, initializer: laws.scaled(knobPanel.rowOf(state.law).initializer, state.gain) });

  // ---- measuring: one question at a time, then the newest -----------------------------------------
  const heard = ({ number, result }) => {
    busy = false;
    latest = result;
    findings.show(result, complete());
    root.dataset.drawn = String(number);
    root.dataset.elapsed = result.elapsed.toFixed(1);
    if (again) measureNow();
    else status(find("verdict").textContent);
  };
  const ask = engineFor((message) => heard(message)), askRace = engineFor((message) => race.hear(message));
  const measureNow = () => {
    again = busy;
    if (busy) return;
    busy = true;
    ask({ kind: "measure", number: ++asked, state: complete() });
  };

  const turn = (changes, same = false) => {
    state = { ...state, ...changes };
    knobState.write(state);
    knobPanel.show(state);
    tour.show(state, open);
    if (!same) measureNow();
  };
  const open = (number) => turn(tour.state(number, state));
  const scene = (by) => open(Math.min(Math.max(state.scene + by, 1), tour.count));

  // ---- controls ---------------------------------------------------------------------------------
  const TRAINING = ["other", "task", "rate", "steps"];
  document.addEventListener("input", ({ target }) => {
    if (!target.closest(".field")) return;
    const value = knobPanel.read(target), training = TRAINING.includes(target.name);
    if (value !== undefined) turn({ [target.name]: value, ...(training ? {} : { scene: 0 }) }, training);
  });
  find("knobs").addEventListener("submit", (event) => event.preventDefault());
  find("reset").addEventListener("click", () => turn({ ...knobState.starts, lang: state.lang }));
  find("link").addEventListener("click", async () => {
    const address = `${location.href.split("#")[0]}#${knobState.written(state)}`;
    try {
      await navigator.clipboard.writeText(address);
      status(words.word("copied"));
    } catch { location.hash = knobState.written(state); }
  });

  const train = () => {
    if (race.isRunning()) { race.stop(askRace); return; }
    race.start(complete(), [complete().initializer, knobPanel.rowOf(state.other).initializer], askRace);
  };
  find("go").addEventListener("click", train);

  // ---- language, keys, width ------------------------------------------------------------------------
  const speak = () => {
    words.speak(state.lang);
    knobPanel.build();
    knobPanel.show(state);
    tour.show(state, open);
    race.mark();
    if (latest) findings.show(latest, complete());
    race.draw();
  };
  const otherLanguage = () => {
    turn({ lang: state.lang === "en" ? "zh" : "en" }, true);
    speak();
  };
  find("language").addEventListener("click", otherLanguage);
  listen({
    n: () => scene(1), p: () => scene(-1), g: train, l: otherLanguage,
    r: () => turn({ seed: state.seed + 1 }),
  });

  let pending;
  const redraw = () => {
    if (latest) findings.drawCharts(latest);
    race.draw();
  };
  addEventListener("resize", () => { clearTimeout(pending); pending = setTimeout(redraw, 150); });
  addEventListener("hashchange", () => {
    if (location.hash.includes("=")) { state = knobState.read(); speak(); measureNow(); }
  });
  new MutationObserver(race.draw).observe(root, { attributes: true, attributeFilter: ["data-theme"] });
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", race.draw);

  speak();
  measureNow();
})();
