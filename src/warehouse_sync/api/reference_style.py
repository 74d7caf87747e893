"""How the reference page looks: one style sheet, for light and dark, for screens of any width and for paper."""

from __future__ import annotations

from typing import Final

STYLE: Final = """
:root { color-scheme: light dark; --ink: #1b1f24; --soft: #57606a; --line: #d8dee4; --ground: #fff; --panel: #f6f8fa;
  --link: #0757ba; --get: #0a5c36; --post: #0b4fa8; --put: #7a4a00; --delete: #a11123; --good: #0a5c36; --bad: #a11123; }
@media (prefers-color-scheme: dark) {
  :root { --ink: #e6edf3; --soft: #9da7b3; --line: #30363d; --ground: #0d1117; --panel: #161b22; --link: #79b8ff;
    --get: #56d394; --post: #79b8ff; --put: #e3b341; --delete: #ff8182; --good: #56d394; --bad: #ff8182; } }
* { box-sizing: border-box; }
html { scroll-padding-top: 1rem; }
body { margin: 0; color: var(--ink); background: var(--ground); font: 16px/1.55 system-ui, sans-serif; display: grid;
  grid-template-columns: minmax(15rem, 19rem) minmax(0, 1fr); }
a { color: var(--link); text-decoration-thickness: 1px; text-underline-offset: 2px; }
a:focus-visible, summary:focus-visible, pre:focus-visible, .wide:focus-visible { outline: 3px solid var(--link); outline-offset: 2px; }
.skip { position: absolute; left: -100rem; }
.skip:focus { left: 1rem; top: 1rem; padding: .5rem 1rem; background: var(--ground); z-index: 1; }
nav { position: sticky; top: 0; height: 100vh; overflow-y: auto; padding: 1.25rem 1rem 3rem 1.25rem; border-right: 1px solid var(--line);
  background: var(--panel); font-size: .875rem; }
nav p { margin: 0 0 1rem; font-size: 1rem; }
nav h2 { margin: 1.1rem 0 .25rem; font-size: .8125rem; letter-spacing: .02em; }
nav ul { list-style: none; margin: 0; padding: 0; }
nav li a { display: block; padding: .15rem 0; text-decoration: none; }
nav li a:hover { text-decoration: underline; }
main { padding: 1.5rem clamp(1rem, 4vw, 3.5rem) 6rem; max-width: 68rem; }
h1 { margin: 0 0 .25rem; font-size: 1.9rem; line-height: 1.2; }
main h2 { margin: 3.5rem 0 .25rem; padding-bottom: .35rem; font-size: 1.45rem; border-bottom: 2px solid var(--line); }
h3 { margin: 2.5rem 0 .25rem; font-size: 1.15rem; }
h4 { margin: 1.25rem 0 .4rem; font-size: .9375rem; }
p { margin: .4rem 0 .8rem; max-width: 46rem; }
.soft { color: var(--soft); }
code, pre { font: .86em/1.5 ui-monospace, SFMono-Regular, Menlo, Consolas, monospace; }
code { overflow-wrap: anywhere; }
pre { margin: .4rem 0 .8rem; padding: .75rem 1rem; overflow-x: auto; background: var(--panel); border: 1px solid var(--line);
  border-radius: 6px; }
.route { display: flex; gap: .75rem; align-items: baseline; margin: .3rem 0 .6rem; padding: .45rem .75rem; background: var(--panel);
  border: 1px solid var(--line); border-radius: 6px; }
.method { font-weight: 700; min-width: 3.6rem; }
.GET { color: var(--get); } .POST { color: var(--post); } .PUT { color: var(--put); } .DELETE { color: var(--delete); }
.wide { overflow-x: auto; }
table { width: 100%; border-collapse: collapse; font-size: .9rem; margin: .25rem 0 .75rem; }
th, td { padding: .4rem .9rem .4rem 0; text-align: left; vertical-align: top; border-bottom: 1px solid var(--line); }
thead th { color: var(--soft); font-weight: 600; font-size: .8125rem; }
tbody th { font-weight: 400; white-space: nowrap; }
td p { margin: 0; }
.must { color: var(--bad); font-size: .78rem; }
.status { font-weight: 700; } .s2 { color: var(--good); } .s4, .s5 { color: var(--bad); }
details details { margin-left: 1.25rem; }
summary { cursor: pointer; padding: .3rem 0; color: var(--link); }
@media (max-width: 56rem) {
  body { display: block; }
  nav { position: static; height: auto; max-height: 45vh; border-right: 0; border-bottom: 1px solid var(--line); } }
@media print { nav { display: none; } body { display: block; } details > * { display: block; } }
"""
