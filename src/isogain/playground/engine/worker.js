// Messages in, messages out: {kind: "measure", state} is answered once, {kind: "train", ...} many times, until "stop".
const serve = (post) => {
  let current = 0;
  const train = async ({ state, initializers }) => {
    const mine = ++current;
    for (const shown of training.race(state, initializers)) {
      if (mine !== current) return;
      post({ kind: "trained", ...shown, steps: state.steps });
      await new Promise((resume) => setTimeout(resume)); // lets "stop" and the screen in
    }
    post({ kind: "finished" });
  };
  const actions = {
    measure: ({ state, number }) => post({ kind: "measured", number, result: measure.run(state) }),
    train,
    stop: () => { current++; },
  };
  return (message) => actions[message.kind](message);
};
