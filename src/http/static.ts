/** Static files: the `send` package handles types, ranges, etags and conditional requests. */
import send from 'send';
import type { Exchange } from './exchange.ts';
import { encodePath } from './target.ts';

/**
 * Sends a file of the document root. Fulfilled at the end of the response, whatever the outcome.
 *
 * @param path - Decoded path below the document root, resolved to a file that may be shown.
 */
export async function sendStatic(exchange: Exchange, docroot: string, path: string): Promise<void> {
  const { request, response } = exchange;
  if (request.method !== 'GET' && request.method !== 'HEAD') {
    return exchange.fail(405, `${request.method} is not allowed on a static file`, {
      headers: { Allow: 'GET, HEAD' },
    });
  }
  countBytes(exchange);
  // Other dot names were refused earlier; only `.well-known` can occur.
  const stream = send(request, encodePath(path), { root: docroot, dotfiles: 'allow', index: false });
  const failure = await new Promise<SendError | undefined>((resolve) => {
    stream.on('error', resolve);
    response.on('close', () => resolve(undefined));
    stream.pipe(response);
  });
  if (failure) await exchange.fail(failure.status, reasonOf(failure), { headers: failure.headers ?? {} });
}

interface SendError extends Error {
  readonly status: number;
  readonly headers?: Readonly<Record<string, string>>;
}

function reasonOf({ status, message }: SendError): string {
  switch (status) {
    case 404:
      return 'The file disappeared while it was read';
    case 412:
      return 'The file no longer matches the condition of the request';
    case 416:
      return 'The file does not have the requested range';
    default:
      return message;
  }
}

/** Counts for the log, because `send` writes to the response itself. */
function countBytes(exchange: Exchange): void {
  const { response } = exchange;
  response.on('finish', () => {
    if (exchange.request.method === 'HEAD' || response.statusCode === 304) return;
    exchange.bytes ||= Number(response.getHeader('content-length') ?? 0);
  });
}
