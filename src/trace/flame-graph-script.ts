/** The script inside a flame graph: zoom by click or Enter, search by regular expression. It makes no requests. */

export const flameGraphStyle = `
:root { background: #fff } .ground { fill: #fff } .head { font-size: 14px; font-weight: bold } .note { fill: #555 }
#bars g { cursor: pointer } #bars g:focus { outline: none } #bars g:focus rect, #bars g:hover rect { stroke: #000 }
#bars text { pointer-events: none } #bars .above rect { opacity: .45 } #bars .found rect { fill: #d050d0 }
#bars .hidden { display: none }
@media (prefers-color-scheme: dark) { :root { background: #1b1b1f } .ground { fill: #1b1b1f } .head { fill: #eee } .note { fill: #aaa } }`;

/** Positions come from the attributes, in samples; names are only ever set as text. */
export const flameGraphScript = `'use strict';
const width = 1200, characterWidth = 7;
const holder = document.getElementById('bars');
const state = document.getElementById('state');
const total = Number(holder.dataset.total);
const bars = Array.from(holder.children, (group) => ({
  group,
  rect: group.querySelector('rect'),
  text: group.querySelector('text'),
  from: Number(group.dataset.from),
  samples: Number(group.dataset.samples),
  name: group.dataset.name,
  y: Number(group.querySelector('rect').getAttribute('y')),
}));
function zoom(to) {
  const scale = width / to.samples;
  for (const bar of bars) {
    const inside = bar.y >= to.y && bar.from >= to.from && bar.from + bar.samples <= to.from + to.samples;
    const above = bar.y < to.y && bar.from <= to.from && bar.from + bar.samples >= to.from + to.samples;
    bar.group.classList.toggle('hidden', !inside && !above);
    bar.group.classList.toggle('above', above);
    if (!inside && !above) continue;
    const x = above ? 0 : (bar.from - to.from) * scale;
    const length = above ? width : bar.samples * scale;
    const room = Math.floor((length - 6) / characterWidth);
    bar.rect.setAttribute('x', x);
    bar.rect.setAttribute('width', length);
    bar.text.setAttribute('x', x + 3);
    bar.text.textContent = room < 3 ? '' : bar.name.length <= room ? bar.name : bar.name.slice(0, room - 2) + '..';
  }
}
function search() {
  const wanted = prompt('Search for a name (regular expression):');
  if (wanted === null) return;
  let pattern;
  try { pattern = wanted === '' ? undefined : new RegExp(wanted, 'i'); } catch (error) { state.textContent = error.message; return; }
  // Each sample counts once, however many of its calls match: bars within a bar that matches add nothing.
  let found = 0;
  let end = 0;
  const hits = bars.filter(({ name }) => pattern !== undefined && pattern.test(name));
  for (const { group } of bars) group.classList.remove('found');
  for (const { group } of hits) group.classList.add('found');
  for (const { from, samples } of hits.sort((a, b) => a.from - b.from || b.samples - a.samples)) {
    if (from < end) continue;
    found += samples;
    end = from + samples;
  }
  state.textContent = pattern === undefined ? '' : found + ' samples, ' + (100 * found / total).toFixed(2) + ' %: ' + wanted;
}
const barOf = (target) => bars.find(({ group }) => group.contains(target));
holder.addEventListener('click', ({ target }) => { const bar = barOf(target); if (bar) zoom(bar); });
addEventListener('keydown', (event) => {
  if (event.key === 'Escape') zoom(bars[0]);
  else if (event.key === 'Enter') { const bar = barOf(event.target); if (bar) zoom(bar); }
  else if (event.key === '/' || (event.key === 'f' && (event.ctrlKey || event.metaKey))) { event.preventDefault(); search(); }
});`;
