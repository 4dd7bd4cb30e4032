/** The front's own pages: plain, self-contained, with the reason. */

import { markup } from '../text/markup.ts';

// An import would load Node's WebSocket client with it: see admin/server.ts.
const { STATUS_CODES } = process.getBuiltinModule('node:http');

/** An HTML page for an error status. `reason` is one sentence without its full stop, `hint` is the remedy. */
export function errorPage(status: number, reason: string, hint?: string): string {
  const title = `${status} ${STATUS_CODES[status] ?? 'Error'}`;
  const advice = hint === undefined ? '' : `\n<p>${markup(hint)}</p>`;
  return `<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>${markup(title)}</title>
<style>
:root { color-scheme: light dark }
body { font: 1rem/1.6 system-ui, sans-serif; max-width: 36rem; margin: 18vh auto 0; padding: 0 1.5rem }
h1 { font-size: 1.4rem; margin: 0 0 .5rem }
p { margin: 0 0 .75rem }
small { opacity: .65 }
</style>
<h1>${markup(title)}</h1>
<p>${markup(reason)}.</p>${advice}
<p><small>hathi serve</small></p>
</html>
`;
}
