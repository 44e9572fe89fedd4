// Tells the server in a cookie whether the screen is narrow: it then draws cards in place of tables.
(() => {
  "use strict";
  const narrow = matchMedia("(max-width: 640px)");
  const tell = () => {
    document.cookie = `bwp_screen=${narrow.matches ? "narrow" : "wide"}; Path=/; SameSite=Lax`;
  };
  tell();
  narrow.addEventListener("change", tell);
})();
