// Two starts that train on the same batches: where each decides what, and both losses on one pair of axes.
const race = (() => {
  const { word, figure, percent } = words;
  const COLOURS = ["c0", "c1"];
  const find = (id) => document.getElementById(id);
  let last = null,
    names = [],
    running = false,
    points = null;

  const lanes = (twoDimensional) =>
    find("runs").replaceChildren(
      ...names.map((name, i) => {
        const canvas = twoDimensional
          ? [svg.html("canvas", { width: 264, height: 264, role: "img", id: `regions-${i}` })]
          : [];
        return svg.html(
          "div",
          { class: "lane", style: `--lane:var(--${COLOURS[i]})` },
          svg.html("h3", {}, name),
          ...canvas,
          svg.html("p", { id: `score-${i}` }),
        );
      }),
    );

  const colour = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();
  const regions = (canvas, shares) => {
    const context = canvas.getContext("2d"),
      size = canvas.width / training.GRID;
    for (let i = 0; i < shares.length; i++) {
      context.fillStyle = colour(`--d${Math.min(9, Math.floor(shares[i] / 25.6))}`);
      context.fillRect((i % training.GRID) * size, Math.floor(i / training.GRID) * size, size + 1, size + 1);
    }
    const place = (value) => (canvas.width * (value / training.REACH + 1)) / 2;
    for (let i = 0; points && i < points.labels.length; i++) {
      context.beginPath();
      context.arc(place(points.x[2 * i]), canvas.width - place(points.x[2 * i + 1]), 2.6, 0, 7);
      context.fillStyle = colour(points.labels[i] ? "--c1" : "--c0");
      context.fill();
      context.strokeStyle = colour("--paper");
      context.lineWidth = 0.8;
      context.stroke();
    }
  };

  const draw = () => {
    if (!last) return;
    last.looks.forEach((look, i) => {
      const said = word("score", { loss: figure(look.loss), accuracy: percent(look.accuracy) }),
        canvas = find(`regions-${i}`);
      find(`score-${i}`).textContent = said;
      if (!canvas) return;
      canvas.setAttribute("aria-label", word("regions_label", { start: names[i], accuracy: percent(look.accuracy) }));
      regions(canvas, look.regions);
    });
    const lines = last.losses.map((values, i) => ({ values: smooth(values), colour: COLOURS[i], name: names[i] }));
    if (!lines[0].values.length) return;
    const top = Math.max(1, ...lines.map(({ values }) => values[0]).filter(Number.isFinite));
    curves.show(find("losses"), {
      title: word("loss_title"),
      label: word("loss_label", {
        first: names[0],
        second: names[1],
        one: figure(last.looks[0].loss),
        two: figure(last.looks[1].loss),
      }),
      lines,
      across: word("across_steps"),
      limits: [0, Math.min(top, 10)],
    });
  };
  /* The mean of the last ten batches: single ones jump. */
  const smooth = (values) =>
    values.map((_, i) => {
      const near = values.slice(Math.max(0, i - 9), i + 1);
      return near.reduce((sum, one) => sum + one, 0) / near.length;
    });

  const mark = (now) => {
    running = now;
    find("go").textContent = word(running ? "stop" : "go");
  };
  const start = (state, initializers, send) => {
    names = [state.law, state.other];
    [last, points] = [null, null];
    lanes(state.task !== "digits");
    mark(true);
    send({ kind: "train", state, initializers });
  };
  const stop = (send) => {
    send({ kind: "stop" });
    mark(false);
  };
  const hear = (message) => {
    if (message.kind === "finished") {
      mark(false);
      pageTools.status(word("finished"));
      return;
    }
    points = message.points ?? points;
    last = message;
    find("progress").textContent = word("progress", { step: message.step, steps: message.steps });
    document.documentElement.dataset.trained = `${message.step}`;
    draw();
  };
  return { draw, hear, isRunning: () => running, mark: () => mark(running), start, stop };
})();
