/**
 * Maps a path below a document root to an action: `try_files $uri $uri/ /index.php`, with the index and PHP rules of a
 * usual nginx site. Pure: a `Probe` reads the file system.
 */
import { encodePath, type Refusal, type Target } from './target.ts';

/** Result of a probe. */
export type Found =
  | { readonly kind: 'file'; readonly realPath: string }
  | { readonly kind: 'folder' }
  | { readonly kind: 'missing' }
  /** It exists but must stay hidden; the reason is for the log. */
  | { readonly kind: 'hidden'; readonly reason: string };

/** Looks at a path (binary string, starts with a slash) below the document root. */
export type Probe = (path: string) => Promise<Found>;

/** The action for a request. */
export type Action =
  | { readonly kind: 'static'; readonly path: string }
  | { readonly kind: 'script'; readonly scriptName: string; readonly pathInfo: string }
  | { readonly kind: 'redirect'; readonly location: string }
  | ({ readonly kind: 'refuse' } & Refusal);

const frontController = '/index.php';
const indexNames = ['index.php', 'index.html'];
const notFound = { kind: 'refuse', status: 404, reason: 'There is no such file' } as const;

/** Decides on the action for a target. A refusal does not reveal whether a hidden file exists. */
export async function resolveTarget(target: Target, probe: Probe): Promise<Action> {
  const { path } = target;
  if (hasHiddenSegment(withoutPathInfo(path))) {
    return { ...notFound, logged: 'Names that start with a dot are not served' };
  }
  const found = await probe(path);
  switch (found.kind) {
    case 'file':
      return fileAction(path, found.realPath);
    case 'folder':
      return folderAction(target, probe);
    case 'hidden':
      return { ...notFound, logged: found.reason };
    case 'missing':
      return missingAction(path, probe);
    default:
      throw new Error(`cannot resolve "${path}": unknown finding ${JSON.stringify(found)}`);
  }
}

/** True for `/.env`, `/a/.git/config`; false for everything below `/.well-known` (RFC 8615). */
export function hasHiddenSegment(path: string): boolean {
  const segments = path.split('/').slice(1);
  return segments.some((segment, i) => segment.startsWith('.') && !(i === 0 && segment === '.well-known'));
}

/**
 * True for names that contain PHP source which PHP does not run: other PHP extensions, and copies that editors and
 * people leave beside a script.
 */
export function isPhpSource(name: string): boolean {
  return /\.(?:php[0-9]?|phps|pht|phtml|phar)(?:[~_#. ]|\.(?:bak|old|orig|save|swp|swo|tmp|dist|copy))*$/i.test(
    name,
  );
}

function fileAction(path: string, realPath: string): Action {
  if (path.endsWith('.php')) return { kind: 'script', scriptName: path, pathInfo: '' };
  // Both the requested name and the file behind a symbolic link must be harmless.
  if (isPhpSource(path) || isPhpSource(realPath)) {
    return { ...notFound, logged: 'PHP source is not served' };
  }
  return { kind: 'static', path };
}

async function folderAction({ path, query }: Target, probe: Probe): Promise<Action> {
  if (!path.endsWith('/')) {
    // A relative reference with one leading slash can never point to another host.
    return { kind: 'redirect', location: `${encodePath(path)}/${query === '' ? '' : `?${query}`}` };
  }
  for (const name of indexNames) {
    const index = await probe(path + name);
    if (index.kind === 'file') return fileAction(path + name, index.realPath);
  }
  return { kind: 'refuse', status: 403, reason: 'The folder has neither index.php nor index.html' };
}

async function missingAction(path: string, probe: Probe): Promise<Action> {
  for (const end of scriptEnds(path)) {
    const scriptName = path.slice(0, end);
    const found = await probe(scriptName);
    if (found.kind === 'file') return { kind: 'script', scriptName, pathInfo: path.slice(end) };
  }
  // As with nginx's `try_files $uri =404` for PHP: a missing script does not go to the application.
  if (path.endsWith('.php')) return notFound;
  const front = await probe(frontController);
  return front.kind === 'file' ? { kind: 'script', scriptName: frontController, pathInfo: '' } : notFound;
}

/** Ends of the prefixes that may be a script followed by path info: after each `.php` before a slash. */
function scriptEnds(path: string): number[] {
  return [...path.matchAll(/\.php(?=\/)/g)].map((match) => match.index + match[0].length);
}

/** Path info belongs to the application and may have any segment. */
function withoutPathInfo(path: string): string {
  return path.slice(0, scriptEnds(path)[0] ?? path.length);
}
