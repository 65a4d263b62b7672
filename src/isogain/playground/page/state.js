"use strict";
// Where the knobs stand: in the address, so that a link carries it.
const settings = JSON.parse(document.getElementById("settings").textContent);
const knobState = (() => {
  const { knobs, state: opening } = settings;
  const starts = Object.fromEntries(Object.entries(knobs).map(([name, knob]) => [name, knob.start]));

  const choice = (knob, text) => (knob.of.includes(text) ? text : undefined);
  const number = (knob, text) => {
    const value = Number(text);
    const fits = text !== "" && value >= knob.least && value <= knob.most && (!knob.whole || Number.isInteger(value));
    return fits ? value : undefined;
  };
  const readOne = (name, text) => ({ choice, number })[knobs[name].kind](knobs[name], text);

  /* The scenes of the tour, one for each thing that the textbooks tell: what they set, all else at its start. */
  const scenes = [
    { activation: "tanh", law: "small_normal", depth: 5, other: "lecun_normal" },
    { activation: "tanh", law: "normal", depth: 5 },
    { activation: "tanh", law: "lecun_normal", depth: 5 },
    { activation: "relu", law: "lecun_normal", depth: 10 },
    { activation: "relu", law: "he_normal", depth: 10 },
    { activation: "relu", law: "small_normal", depth: 10, normalization: "batch", other: "he_normal" },
  ];

  /* What cannot be read stays where it was when the page was made. */
  const read = () => {
    const asked = [...new URLSearchParams(location.hash.slice(1))].filter(([name]) => knobs[name]);
    const values = asked.map(([name, text]) => [name, readOne(name, text)]).filter(([, value]) => value !== undefined);
    const told = { ...opening, ...Object.fromEntries(values) };
    return { ...starts, ...scenes[told.scene - 1], ...told };
  };
  const written = (state) => {
    const told = Object.entries(state).filter(([name, value]) => value !== starts[name] || name in opening);
    return new URLSearchParams(told).toString();
  };
  const write = (state) => {
    try { // a page inside another (a notebook's cell) has no address of its own
      history.replaceState(null, "", `#${written(state)}`);
    } catch { /* then there is none to keep */ }
  };
  return { read, scenes, starts, write, written };
})();
