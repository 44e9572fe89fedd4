"use strict";
(() => {
  const figures = JSON.parse(document.getElementById("figures").textContent);
  const dark = window.matchMedia("(prefers-color-scheme: dark)");
  const printWidth = 690;
  const draw = (theme, width) => Promise.all(Object.entries(figures).map(([name, themes]) => {
    const chart = document.getElementById("figure-" + name);
    const figure = themes[theme];
    const layout = Object.assign({}, figure.layout, { width: width || chart.clientWidth });
    return Plotly.react(chart, figure.data, layout, { displayModeBar: false });
  }));
  const screen = () => draw(dark.matches ? "dark" : "light", 0);
  window.addEventListener("beforeprint", () => draw("light", printWidth));
  window.addEventListener("afterprint", screen);
  window.addEventListener("resize", screen);
  dark.addEventListener("change", screen);
  screen().then(() => { document.documentElement.dataset.drawn = "yes"; });
})();
