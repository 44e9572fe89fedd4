// Runs the scripts that draw charts and tables while the page waits for the server; Streamlit would run them only then.
addEventListener("load", () => {
  const run = (link) => import(link.href).then(() => { link.dataset.early = "run"; });
  (window.requestIdleCallback || setTimeout)(() => document.querySelectorAll("link[data-early]").forEach(run));
});
