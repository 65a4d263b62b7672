// Every text in the language that is on; {name} stands for a number or word.
const words = (() => {
  let language = "en";
  const filled = (text, values) => text.replace(/\{(\w+)\}/g, (_, name) => values[name] ?? "");
  const word = (name, values = {}) => filled(settings.words[language][name] ?? name, values);
  const known = (name) => name in settings.words[language];
  const speak = (wanted) => {
    language = wanted;
    document.documentElement.lang = { en: "en", zh: "zh-Hans" }[wanted];
    document.title = word("page_title");
    for (const element of pageTools.all("[data-word]")) element.textContent = word(element.dataset.word);
    const button = document.getElementById("language");
    button.textContent = word("other_language");
    button.lang = wanted === "en" ? "zh-Hans" : "en";
  };

  const raised = (digits) =>
    [...digits.replace("+", "")].map((digit) => (digit === "-" ? "⁻" : "⁰¹²³⁴⁵⁶⁷⁸⁹"[digit])).join("");
  const powered = (factor, power) => (factor === "1.0" ? "" : `${factor}·`) + `10${raised(power)}`;
  /* Three digits; powers of ten where there would be many zeros. */
  const figure = (value) => {
    if (!Number.isFinite(value)) return Number.isNaN(value) ? "–" : "∞";
    const size = Math.abs(value);
    if (size !== 0 && (size < 1e-3 || size >= 1e5)) return powered(...value.toExponential(1).split("e"));
    return String(Number(value.toPrecision(3)));
  };
  const percent = (share) => {
    if (share > 0 && share < 0.001) return "<0.1 %";
    return Number.isFinite(share) ? `${Number((100 * share).toFixed(1))} %` : "–";
  };
  return { figure, known, percent, speak, word };
})();
