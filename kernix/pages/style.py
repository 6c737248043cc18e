"""The style and the script of pages."""

from __future__ import annotations


STYLE = """
:root {
  color-scheme: light dark;
  --paper: #fbfbf9; --sheet: #fff; --ink: #1d2126; --soft: #667079; --line: #e3e4e0; --accent: #2459a8;
  --y: #1a7f42; --y-bg: #dcf3e3; --m: #1d5fb4; --m-bg: #dfeafa; --n: #6a7077; --n-bg: #ececea;
  --t: #8a5a00; --t-bg: #fbefd5; --place-bg: #f1f1ed;
}
@media (prefers-color-scheme: dark) {
  :root {
    --paper: #15181c; --sheet: #1c2025; --ink: #e2e6ea; --soft: #98a2ac; --line: #2e343b; --accent: #86b4f5;
    --y: #7fdc9f; --y-bg: #173524; --m: #93bffa; --m-bg: #18304f; --n: #a4abb3; --n-bg: #2a2f35;
    --t: #efc46f; --t-bg: #3b2f14; --place-bg: #272c32;
  }
}
* { box-sizing: border-box; }
body {
  margin: 0 auto; padding: 0 1.5rem 4rem; max-width: 78rem; background: var(--paper); color: var(--ink);
  font: 15px/1.5 system-ui, "Liberation Sans", sans-serif;
}
code, b, .place { font-family: ui-monospace, "DejaVu Sans Mono", "Liberation Mono", monospace; font-size: .87em; }
h1 { margin: 1.8rem 0 .6rem; font-size: 1.55rem; line-height: 1.25; overflow-wrap: anywhere; }
h2 { display: inline; font-size: 1.02rem; margin: 0; }
dl { display: flex; flex-wrap: wrap; gap: .4rem 2.2rem; margin: 0 0 1rem; }
dt { color: var(--soft); font-size: .82rem; }
dd { margin: 0; font-weight: 600; overflow-wrap: anywhere; }
nav {
  position: sticky; top: 0; z-index: 1; display: flex; flex-wrap: wrap; gap: .5rem .8rem; align-items: center;
  padding: .7rem 0; background: var(--paper); border-bottom: 1px solid var(--line);
}
input, button {
  font: inherit; font-size: .9rem; color: inherit; background: var(--sheet);
  border: 1px solid var(--line); border-radius: .45rem; padding: .35rem .7rem;
}
input { flex: 1 1 18rem; }
input:focus-visible, button:focus-visible, summary:focus-visible { outline: 2px solid var(--accent); outline-offset: 1px; }
button { cursor: pointer; }
nav span { display: flex; gap: .3rem; }
button[aria-pressed=true] { background: var(--accent); border-color: var(--accent); color: var(--paper); }
output { color: var(--soft); font-size: .85rem; min-width: 6rem; text-align: right; }
details.section {
  margin-top: 1rem; background: var(--sheet); border: 1px solid var(--line); border-radius: .6rem; overflow: clip;
}
details.section > summary { padding: .6rem .9rem; cursor: pointer; }
details.section[open] > summary { border-bottom: 1px solid var(--line); }
.count {
  margin-left: .6rem; padding: .05rem .5rem; border-radius: 1rem; background: var(--n-bg); color: var(--n);
  font-size: .78rem; white-space: nowrap;
}
div.row, details.row > summary { padding: .28rem .9rem; }
/* Text that does not fit on a line continues below the option's name. */
div.hang, details.hang > summary { padding-left: 10rem; text-indent: -9.1rem; }
.values, .values *, summary::before, .count, .place { text-indent: 0; }
details.section > .row + .row { border-top: 1px solid var(--line); }
div.row:hover, details.row > summary:hover { background: var(--place-bg); }
details.row > summary { cursor: pointer; }
details.row > .row { margin-left: 1.7rem; border-left: 2px solid var(--line); }
summary { list-style-position: outside; }
details.section > summary, details.row > summary { list-style: none; }
summary::-webkit-details-marker { display: none; }
summary::before { content: "▸"; display: inline-block; width: 1.1em; margin-left: -.1em; color: var(--soft); }
details[open] > summary::before { content: "▾"; }
div.row::before { content: ""; display: inline-block; width: 1em; }
.values { display: inline-block; min-width: 7.2rem; margin-right: .5rem; }
.values b { display: inline-block; padding: 0 .42rem; border-radius: .3rem; font-weight: 600; max-width: 24rem;
  overflow-wrap: anywhere; }
.values i { padding: 0 .3rem; color: var(--soft); font-style: normal; }
b.y { color: var(--y); background: var(--y-bg); }
b.m { color: var(--m); background: var(--m-bg); }
b.n, b.absent { color: var(--n); background: var(--n-bg); }
b.text { color: var(--t); background: var(--t-bg); }
.row code { font-weight: 600; overflow-wrap: anywhere; }
.title { margin-left: .6rem; }
.note { margin-left: .6rem; color: var(--soft); font-size: .88em; overflow-wrap: anywhere; }
.place { margin-left: .6rem; padding: 0 .4rem; border-radius: .3rem; background: var(--place-bg); }
#nothing { margin: 2rem 0; text-align: center; color: var(--soft); }
@media (max-width: 40rem) {
  body { padding: 0 .7rem 3rem; }
  details.row > .row { margin-left: .8rem; }
  div.hang, details.hang > summary { padding-left: 2rem; text-indent: -1.1rem; }
  .note { display: block; margin-left: 0; text-indent: 0; }
}
@media print { nav { display: none; } details.section { break-inside: avoid; } }
"""

SCRIPT = """
const box = document.getElementById("filter"), counter = document.querySelector("output");
const nothing = document.getElementById("nothing");
const view = () => document.querySelector("main > section:not([hidden])");
const only = document.getElementById("only"), titled = () => only.ariaPressed === "true";
const folds = new Map([...document.querySelectorAll("details")].map(it => [it, it.open]));

function match(row, words, above) {
  const own = (above || words.every(word => row.dataset.words.includes(word))) && (!titled() || "title" in row.dataset);
  let inner = 0;
  for (const it of row.querySelectorAll(":scope > .row")) inner += match(it, words, own && words.length > 0 && !titled());
  row.hidden = !(own || inner);
  if (row.tagName === "DETAILS" && words.length) row.open = inner > 0 && !own;
  return (own ? 1 : 0) + inner;
}

function filter() {
  const text = box.value.toLowerCase().replace(/\\s*(->|→)\\s*/g, "\\u0000→\\u0000").trim();
  const words = text ? text.split(/\\s+/).map(it => it.replaceAll("\\u0000", " ")) : [];
  let shown = 0;
  for (const section of view().children) {
    let here = 0;
    for (const row of section.querySelectorAll(":scope > .row")) here += match(row, words, false);
    section.hidden = here === 0;
    if (words.length) section.open = here > 0;
    shown += here;
  }
  if (!words.length) for (const [it, open] of folds) it.open = open;
  counter.value = words.length || titled() ? `${shown.toLocaleString("en")} shown` : "";
  nothing.hidden = shown > 0;
}

box.addEventListener("input", filter);
only.addEventListener("click", () => { only.ariaPressed = String(!titled()); filter(); });
for (const button of document.querySelectorAll("button[data-view]"))
  button.addEventListener("click", () => {
    for (const it of document.querySelectorAll("main > section")) it.hidden = it.dataset.view !== button.dataset.view;
    for (const it of document.querySelectorAll("button[data-view]")) it.ariaPressed = String(it === button);
    filter();
  });
for (const button of document.querySelectorAll("button[data-fold]"))
  button.addEventListener("click", () => {
    for (const it of view().querySelectorAll("details")) it.open = button.dataset.fold === "open all";
  });
addEventListener("keydown", event => {
  if (event.key === "/" && document.activeElement !== box) { event.preventDefault(); box.focus(); }
  if (event.key === "Escape") { box.value = ""; filter(); }
});
"""
