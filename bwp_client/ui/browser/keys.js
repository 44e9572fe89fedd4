// Keys for every page: "/" goes to the search of the tasks; j and k move in a list, Enter opens its row, Tab leaves it.
// The script sends keys and clicks to elements of the page, as the visitor could. It reads no data and sends none.
(() => {
  "use strict";
  const GRID = "[data-testid=stDataFrame]";
  const SEARCH = ".st-key-q input";
  const TASKS = "[data-testid=stSidebar] a:is([href^='tasks'], [href*='/tasks'])";
  const PAGE_LINKS = "[data-testid=stSidebar] [data-testid=stPageLink-NavLink]";
  const MAIN = "[data-testid=stMain]";
  const WAIT_MS = 20000;
  const TYPING = "input:not([type=radio], [type=checkbox]), textarea, select, [contenteditable], [role=spinbutton]";
  const MENU = "[role=listbox], [role=dialog], [role=menu], [data-testid=stPopoverBody]";

  /** Send a key to the focused element; the tables of Streamlit read `keyCode` too. */
  function press(key, keyCode, shiftKey = false) {
    const sent = { key, keyCode, shiftKey, bubbles: true, cancelable: true };
    document.activeElement.dispatchEvent(new KeyboardEvent("keydown", sent));
  }

  /** Return whether ticking a row of a table opens something: then the first column, of the ticks, holds no cell. */
  function opensRows(grid) {
    return grid.querySelector("[id^=glide-cell-1-]") !== null && grid.querySelector("[id^=glide-cell-0-]") === null;
  }

  function focusSearch() {
    const field = document.querySelector(SEARCH);
    if (field) {
      field.focus();
      field.select();
    }
    return field !== null;
  }

  /** Go to the search of the tasks, on another page by its link in the sidebar. */
  function search() {
    const link = document.querySelector(TASKS);
    if (focusSearch() || !link) return;
    link.click();
    const observer = new MutationObserver(() => focusSearch() && observer.disconnect());
    observer.observe(document.body, { childList: true, subtree: true });
    setTimeout(() => observer.disconnect(), WAIT_MS);
  }

  /** Move to the next row of the focused list, or else to the first row of the first list. */
  function move(grid, key, keyCode) {
    if (grid) return press(key, keyCode);
    const first = [...document.querySelectorAll(GRID)].find(opensRows);
    if (!first) return undefined;
    first.scrollIntoView({ block: "nearest" });
    return first.querySelector("canvas[tabindex]").focus();
  }

  function onKey(event) {
    const { key, target } = event;
    if (!event.isTrusted || event.isComposing || event.ctrlKey || event.metaKey || event.altKey) return;
    if (target.matches(SEARCH) && (key === "Escape" || key === "Enter")) {
      setTimeout(() => target.blur()); // the search has the text by then, and j goes to its first row
      return;
    }
    if (target.closest(TYPING) || target.closest(MENU)) return;
    const grid = target.closest(GRID) && target.closest("canvas") ? target.closest(GRID) : null;
    if (key === "Tab" && grid) {
      event.stopImmediatePropagation(); // the table would go to its next column
      return;
    }
    if (event.shiftKey && key !== "/") return; // on some keyboards, Shift makes the slash
    const actions = {
      "/": () => search(),
      j: () => move(grid, "ArrowDown", 40),
      k: () => move(grid, "ArrowUp", 38),
      Enter: grid && opensRows(grid) ? () => press(" ", 32, true) : undefined,
    };
    if (!Object.hasOwn(actions, key) || !actions[key]) return;
    event.preventDefault();
    event.stopImmediatePropagation();
    actions[key]();
  }

  /** After a page link was opened by a key, go on behind the filters; the link is far ahead of the page's content. */
  function onClick(event) {
    const byKey = event.isTrusted && event.detail === 0;
    if (byKey && event.target.closest(PAGE_LINKS)) document.querySelector(MAIN)?.focus({ preventScroll: true });
  }

  window.addEventListener("click", onClick);
  window.addEventListener("keydown", onKey, { capture: true });
})();
