/** Static files: types, ranges, etags and conditional requests are the `send` package's work. */
import send from 'send';
import type { Exchange } from './exchange.ts';
import { encodePath } from './target.ts';

/**
 * Sends a file of the document root. Fulfilled when the response is over, for whatever reason.
 *
 * @param path - Decoded path below the document root that was resolved to a file that may be shown.
 */
export async function sendStatic(exchange: Exchange, docroot: string, path: string): Promise<void> {
  const { request, response } = exchange;
  if (request.method !== 'GET' && request.method !== 'HEAD') {
    return exchange.fail(405, `${request.method} is not allowed on a static file`, {
      headers: { Allow: 'GET, HEAD' },
    });
  }
  countBytes(exchange);
  // Dot names were refused before; what is left of them is `.well-known`.
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
      return 'The file went away while it was looked at';
    case 412:
      return 'The file is not the one that the request is about';
    case 416:
      return 'The file has no such range';
    default:
      return message;
  }
}

/** The log tells what was sent, which `send` writes to the response by itself. */
function countBytes(exchange: Exchange): void {
  const { response } = exchange;
  response.on('finish', () => {
    if (exchange.request.method === 'HEAD' || response.statusCode === 304) return;
    exchange.bytes ||= Number(response.getHeader('content-length') ?? 0);
  });
}
