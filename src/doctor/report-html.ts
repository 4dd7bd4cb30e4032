/** Findings as a self-contained page without network access and scripts. */

import { markup } from '../text/markup.ts';
import { type Group, grouped } from './finding.ts';
import { alsoIn, type Report, shownMend, summary } from './report-text.ts';

const style = `
:root { color-scheme: light dark; font: 15px/1.5 system-ui, sans-serif; }
body { max-width: 60rem; margin: 2rem auto; padding: 0 1rem; }
section { border-left: .35rem solid; padding: .1rem 1rem .6rem; margin: 1.2rem 0; }
.critical { border-color: #c62828; } .warning { border-color: #e69500; } .advice { border-color: #1e88b5; }
h2 { font-size: 1.05rem; margin: .3rem 0; } h2 small { font-weight: normal; }
pre { overflow-x: auto; padding: .5rem .7rem; background: #8882; } dl { margin: 0; } dt { font-weight: 600; } dd { margin: 0 0 .4rem; }
`;

export function renderHtml(report: Report, at: Date): string {
  const { file, findings, unknown, checks } = report;
  const rest =
    unknown.length === 0
      ? ''
      : `<h2>Not looked at</h2><ul>${unknown.map((text) => `<li>${markup(text)}</li>`).join('')}</ul>`;
  return `<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>hathi doctor: ${markup(file)}</title>
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'">
<style>${style}</style></head><body>
<h1>hathi doctor</h1>
<p>${markup(file)}, ${at.toISOString()}: ${markup(summary(findings, checks))}</p>
${grouped(findings).map(section).join('\n')}
${rest}
</body></html>
`;
}

function section(group: Group): string {
  const { id, severity, subject, place, seen, effect, source } = group.first;
  const also = alsoIn(group);
  const where = place === undefined ? '' : ` <small>${markup(`${place.file}:${place.line}`)}</small>`;
  const from =
    source.url === undefined
      ? markup(source.text)
      : `<a href="${markup(source.url)}">${markup(source.text)}</a>`;
  return `<section class="${severity}"><h2>${severity}: <code>${id}</code> ${markup(subject)}${where}</h2>
<dl><dt>Seen</dt><dd>${markup(seen)}</dd>${also === '' ? '' : `<dt>Also</dt><dd>${markup(also)}</dd>`}<dt>Effect</dt><dd>${markup(effect)}</dd></dl>
<pre>${shownMend(group.first).map(markup).join('\n')}</pre>
<p>Source: ${from}</p></section>`;
}
