// Six scenes, one for each thing that the textbooks tell: a question, a state of the knobs, two sentences.
const tour = (() => {
  const { word } = words;
  const SCENES = [
    { activation: "tanh", law: "small_normal", depth: 5 },
    { activation: "tanh", law: "normal", depth: 5 },
    { activation: "tanh", law: "lecun_normal", depth: 5 },
    { activation: "relu", law: "lecun_normal", depth: 10 },
    { activation: "relu", law: "he_normal", depth: 10 },
    { activation: "relu", law: "small_normal", depth: 10, normalization: "batch" },
  ];
  const KEPT = ["lang", "other", "task", "rate", "steps"];

  const state = (number, now) => {
    const kept = Object.fromEntries(KEPT.map((name) => [name, now[name]]));
    return { ...knobState.starts, ...kept, ...SCENES[number - 1], scene: number };
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
    document.getElementById("scenes").replaceChildren(...SCENES.map((_, i) => button(i + 1, scene, open)));
    document.getElementById("scene").replaceChildren(...text(scene));
    if (focused) document.querySelector("#scenes [aria-current]")?.focus();
  };
  return { count: SCENES.length, show, state };
})();
