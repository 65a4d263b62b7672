// The tour: each scene is a question, a state of the knobs and two sentences.
const tour = (() => {
  const { word } = words, { scenes } = knobState;
  const KEPT = ["lang", "task", "rate", "steps"];

  const state = (number, now) => {
    const kept = Object.fromEntries(KEPT.map((name) => [name, now[name]]));
    return { ...knobState.starts, ...kept, ...scenes[number - 1], scene: number };
  };
  const button = (number, current, open) => {
    const made = svg.html("button", { type: "button", ...(number === current ? { "aria-current": "step" } : {}) },
      svg.html("span", { class: "number" }, String(number)), ` ${word(`scene${number}_name`)}`);
    made.addEventListener("click", () => open(number));
    return svg.html("li", {}, made);
  };
  const text = (number) => (number
    ? [svg.html("p", { class: "question" }, word(`scene${number}_question`)), svg.html("p", {}, word(`scene${number}_text`))]
    : [svg.html("p", { class: "note" }, word("tour_note"))]);

  let shown = "";
  const show = ({ scene, lang }, open) => {
    if (shown === `${scene} ${lang}`) return;
    const focused = document.activeElement?.closest("#scenes") !== null;
    shown = `${scene} ${lang}`;
    document.getElementById("scenes").replaceChildren(...scenes.map((_, i) => button(i + 1, scene, open)));
    document.getElementById("scene").replaceChildren(...text(scene));
    if (focused) document.querySelector("#scenes [aria-current]")?.focus();
  };
  return { count: scenes.length, show, state };
})();
