// The engine in a worker, so that knobs stay quick; in the page itself where there can be no worker.
const engineFor = (hear) => {
  const source = ["tables", "engine"].map((id) => document.getElementById(id).textContent);
  const text = [
    `const tables = ${source[0]};`,
    source[1],
    "const act = serve((message) => postMessage(message));",
    "onmessage = ({ data }) => act(data);",
  ].join("\n");
  const here = () => {
    const act = serve(hear);
    return (message) => setTimeout(() => act(message));
  };
  try {
    const address = URL.createObjectURL(new Blob([text], { type: "text/javascript" }));
    const worker = new Worker(address);
    let send = (message) => worker.postMessage(message),
      last = null;
    worker.onmessage = ({ data: message }) => hear(message);
    worker.onerror = () => {
      // it could not start: go on without
      send = here();
      if (last) send(last);
    };
    return (message) => {
      last = message;
      send(message);
    };
  } catch {
    return here();
  }
};
