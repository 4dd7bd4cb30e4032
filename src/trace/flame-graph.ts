/**
 * A profile as a flame graph: a self-contained SVG with zoom and search that loads nothing from other hosts. The
 * outermost call is at the top; the width is the share of the samples.
 */

import { markup } from '../text/markup.ts';
import { flameGraphScript, flameGraphStyle } from './flame-graph-script.ts';
import { profileName } from './frames.ts';
import type { Profile } from './profile.ts';

const width = 1200;
const rowHeight = 17;
const headHeight = 64;
/** A bar below this share of the whole stays invisible at any zoom. */
const smallestShare = 1 / 20_000;
/** Width of a character of the 12 pixel font. */
const characterWidth = 7;

interface Node {
  readonly name: string;
  samples: number;
  readonly children: Map<string, Node>;
}

interface Bar {
  readonly name: string;
  readonly samples: number;
  readonly from: number;
  readonly depth: number;
}

export function flameGraph(profile: Profile): string {
  const root = tree(profile);
  const bars = barsOf(root, profile.samples * smallestShare);
  const depth = Math.max(0, ...bars.map((bar) => bar.depth)) + 1;
  const height = headHeight + depth * rowHeight + 10;
  const title = `${profile.pool}: ${profile.samples} samples in ${profile.seconds} s at ${profile.hertz} Hz`;
  return [
    '<?xml version="1.0" encoding="UTF-8"?>',
    // As wide as the window, and as high as necessary: a deep graph scrolls and keeps its scale.
    `<svg xmlns="http://www.w3.org/2000/svg" width="100%" style="height:max(100vh,${height}px)" viewBox="0 0 ${width} ${height}" preserveAspectRatio="xMidYMin" font-family="monospace" font-size="12">`,
    `<title>${markup(title)}</title>`,
    `<style>${flameGraphStyle}</style>`,
    `<rect class="ground" width="${width}" height="${height}"/>`,
    `<text x="10" y="20" class="head">${markup(title)}</text>`,
    `<text x="10" y="38" class="note">${markup(note(profile))}</text>`,
    '<text x="10" y="56" class="note" id="state">Click: zoom. Escape: back. Ctrl+F or /: search.</text>',
    `<g id="bars" data-total="${root.samples}">`,
    ...bars.map((bar) => barText(bar, root.samples)),
    '</g>',
    `<script>//<![CDATA[\n${flameGraphScript}\n//]]></script>`,
    '</svg>',
    '',
  ].join('\n');
}

function note({ dropped, skipped }: Profile): string {
  const left = skipped === 0 ? '' : `, ${skipped} left out to spare the master`;
  return `Time of busy workers on the clock, waiting included. ${dropped} looks saw no stack${left}.`;
}

function tree(profile: Profile): Node {
  const root: Node = { name: `pool ${profile.pool}`, samples: profile.samples, children: new Map() };
  for (const { frames, samples } of profile.stacks) {
    let node = root;
    for (const frame of frames) {
      const name = profileName(frame);
      const child: Node = node.children.get(name) ?? { name, samples: 0, children: new Map() };
      node.children.set(name, child);
      child.samples += samples;
      node = child;
    }
  }
  return root;
}

/** Depth first; siblings by name, so that two profiles can be compared. */
function barsOf(root: Node, smallest: number): Bar[] {
  const bars: Bar[] = [];
  const open: { node: Node; from: number; depth: number }[] = [{ node: root, from: 0, depth: 0 }];
  for (let next = open.pop(); next !== undefined; next = open.pop()) {
    const { node, depth } = next;
    bars.push({ name: node.name, samples: node.samples, from: next.from, depth });
    let { from } = next;
    for (const child of [...node.children.values()].sort((a, b) => (a.name < b.name ? -1 : 1))) {
      if (child.samples >= smallest) open.push({ node: child, from, depth: depth + 1 });
      from += child.samples;
    }
  }
  return bars;
}

function barText({ name, samples, from, depth }: Bar, total: number): string {
  const scale = total === 0 ? width : width / total;
  const [x, length] = [from * scale, samples * scale];
  const y = headHeight + depth * rowHeight;
  const share = total === 0 ? 0 : (100 * samples) / total;
  const room = Math.floor((length - 6) / characterWidth);
  const label = room < 3 ? '' : name.length <= room ? name : `${name.slice(0, room - 2)}..`;
  return (
    `<g tabindex="0" data-from="${from}" data-samples="${samples}" data-name="${markup(name)}">` +
    `<title>${markup(name)}: ${samples} samples, ${share.toFixed(2)} %</title>` +
    `<rect x="${x.toFixed(2)}" y="${y}" width="${length.toFixed(2)}" height="${rowHeight - 1}" fill="${colour(name)}"/>` +
    `<text x="${(x + 3).toFixed(2)}" y="${y + 12}">${markup(label)}</text></g>`
  );
}

/** A warm colour that depends on the name alone, so it is the same in every profile. */
function colour(name: string): string {
  let hash = 0;
  for (const character of name) hash = (hash * 31 + (character.codePointAt(0) ?? 0)) % 9973;
  return `hsl(${hash % 55},${70 + (hash % 20)}%,${62 + (hash % 12)}%)`;
}
