// Measures the page before it is printed: charts and tables have a fixed width, so the page is made smaller as a whole.
// A dark page is printed as a light one.
(() => {
  "use strict";
  const PAPER_PX = 700; // A4 and letter, upright, without their margins
  const DARK = 384;
  const APP = "[data-testid=stApp]";
  const CONTENT = "[data-testid=stMainBlockContainer]";

  window.addEventListener("beforeprint", () => {
    const content = document.querySelector(CONTENT);
    if (!content) return;
    const { paddingLeft, paddingRight } = getComputedStyle(content);
    const width = content.clientWidth - parseFloat(paddingLeft) - parseFloat(paddingRight);
    const { dataset, style } = document.documentElement;
    const [red, green, blue] = getComputedStyle(document.querySelector(APP)).backgroundColor.match(/\d+/g).map(Number);
    dataset.theme = red + green + blue < DARK ? "dark" : "light";
    style.setProperty("--screen-width", `${width}px`);
    style.setProperty("--paper-zoom", Math.min(1, PAPER_PX / width));
  });
})();
