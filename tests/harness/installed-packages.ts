/**
 * Debian for a container, of the files of packages that are installed on this machine: nothing is downloaded or unpacked. Its
 * apt and dpkg know these packages as installed. Source: dpkg(1), its files below /var/lib/dpkg; deb-control(5).
 */
import { execFileSync } from 'node:child_process';
import { existsSync, lstatSync, readdirSync, readFileSync, realpathSync, symlinkSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { testedPhp } from './debian.ts';
import { TestFolder } from './folder.ts';

interface Installed {
  readonly version: string;
  /** Groups of alternatives, each a name. */
  readonly needs: readonly (readonly string[])[];
  readonly isEssential: boolean;
  /** The file with its files' paths. */
  readonly list: string;
}

const database = '/var/lib/dpkg';
const phpFolder = `/etc/php/${testedPhp}`;
/** What no package lists: links of the merged /usr, folders that base-files makes, the cache of ld.so(8). */
const unlisted = ['/bin', '/sbin', '/lib', '/lib64', '/etc/ld.so.cache', '/etc/mtab'].concat(
  ['', '/bin', '/etc', '/lib', '/sbin', '/share'].map((name) => `/usr/local${name}`),
);
/** A container reads none of it. */
const unread = /^\/usr\/share\/(?:doc|man|locale|info|lintian|bug|bash-completion)\//;

/** Names in a field such as `a (>= 1) | b:any, c`. */
function namesIn(field: string): string[][] {
  return field
    .split(',')
    .map((group) => group.split('|').map((one) => /^[^\s:(]*/.exec(one.trim())?.[0] ?? ''))
    .filter(([first]) => first !== '');
}

/** All packages of this machine by name, those of another architecture left out. */
function installedPackages(): { byName: Map<string, Installed>; providers: Map<string, string> } {
  const fields = [
    'Package',
    'Version',
    'Pre-Depends',
    'Depends',
    'Provides',
    'Essential',
    'Status',
    'binary:Package',
  ];
  const format = `${fields.map((field) => `\${${field}}`).join('\t')}\n`;
  const byName = new Map<string, Installed>();
  const providers = new Map<string, string>();
  const shown = execFileSync('dpkg-query', ['-W', `-f=${format}`], { encoding: 'utf8', maxBuffer: 2 ** 26 });
  for (const line of shown.trim().split('\n')) {
    const [
      name = '',
      version = '',
      before = '',
      needs = '',
      provides = '',
      essential,
      status = '',
      whole = '',
    ] = line.split('\t');
    if (!status.endsWith(' installed') || byName.has(name)) continue;
    const lists = [whole, name].map((one) => join(database, 'info', `${one}.list`));
    byName.set(name, {
      version,
      needs: [...namesIn(before), ...namesIn(needs)],
      isEssential: essential === 'yes',
      list: lists.find((path) => existsSync(path)) ?? '',
    });
    for (const [one = ''] of namesIn(provides)) providers.set(one, name);
  }
  return { byName, providers };
}

/** A Debian with these packages, and what they need. */
export class DebianOfPackages {
  /** Package and version, sorted: the same machine gives the same. */
  readonly contents: string;
  readonly #packages: ReadonlyMap<string, Installed>;
  readonly #alone: readonly string[];

  /** @param alone packages without what they need @throws Error that names a package that is not installed */
  constructor(wanted: readonly string[], alone: readonly string[] = []) {
    this.#alone = alone;
    const { byName, providers } = installedPackages();
    const found = new Map<string, Installed>();
    const essential = [...byName].flatMap(([name, { isEssential }]) => (isEssential ? [name] : []));
    const waiting = [...essential, 'apt', ...wanted, ...alone];
    for (let name = waiting.pop(); name !== undefined; name = waiting.pop()) {
      if (found.has(name)) continue;
      const known = byName.get(name);
      if (known === undefined) throw new Error(`the package ${name} is not installed`);
      found.set(name, known);
      if (alone.includes(name)) continue;
      for (const group of known.needs) {
        const one =
          group.find((each) => byName.has(each)) ?? group.flatMap((each) => providers.get(each) ?? [])[0];
        if (one !== undefined) waiting.push(one);
      }
    }
    this.#packages = new Map([...found].sort(([one], [other]) => (one < other ? -1 : 1)));
    this.contents = [...this.#packages].map(([name, { version }]) => `${name} ${version}`).join('\n');
  }

  /** Writes the root file system as a tar archive. @param below what is there already: another one with fewer packages */
  archive(target: string, below?: DebianOfPackages): void {
    using folder = new TestFolder('hathi-debian-');
    const there = below === undefined ? new Set<string>() : below.#files();
    const files = new Set([...this.#files()].filter((path) => !there.has(path)));
    this.#writeDatabase(folder);
    writeModules(folder, files);
    const made = readdirSync(folder.join('root'), { recursive: true, withFileTypes: true })
      .filter((entry) => !entry.isDirectory())
      .map(({ parentPath, name }) => join(parentPath, name).slice(folder.join('root/').length));
    const names = folder.write('files', [...files].map((path) => `${path.slice(1)}\0`).join(''));
    const args = ['--no-recursion', '--numeric-owner', '-cf', target];
    execFileSync('tar', [...args, '-C', folder.join('root'), ...made, '-C', '/', '--null', '-T', names], {
      stdio: 'pipe',
    });
  }

  /** Paths, links in folders' names resolved (/bin is /usr/bin), parents first. */
  #files(): Set<string> {
    const places = new Map<string, string>();
    const place = (path: string): string => {
      const folder = dirname(path);
      const real = places.get(folder) ?? (existsSync(folder) ? realpathSync(folder) : folder);
      places.set(folder, real);
      return join(real, basename(path));
    };
    const files = new Set(unlisted);
    for (const { list } of this.#packages.values()) {
      for (const line of readFileSync(list, 'utf8').split('\n')) {
        const path = line === '' || line === '/.' ? '' : place(line);
        if (path !== '' && !unread.test(path)) files.add(path);
      }
      files.add(list);
    }
    for (const link of alternatives(files)) files.add(place(link));
    return new Set(
      [...files].filter((path) => lstatSync(path, { throwIfNoEntry: false }) !== undefined).sort(),
    );
  }

  /** What dpkg and apt know, without the needs of packages that have come alone. */
  #writeDatabase(folder: TestFolder): void {
    const stanzas = readFileSync(join(database, 'status'), 'utf8').split('\n\n');
    const kept = stanzas.flatMap((stanza) => {
      const name = /^Package: (.*)$/m.exec(stanza)?.[1] ?? '';
      if (!this.#packages.has(name)) return [];
      return this.#alone.includes(name) ? stanza.replaceAll(/^(?:Pre-)?Depends: .*\n/gm, '') : stanza;
    });
    folder.write('root/var/lib/dpkg/status', `${kept.join('\n\n')}\n\n`);
    for (const name of ['available', 'diversions', 'statoverride'])
      folder.write(`root/var/lib/dpkg/${name}`, '');
    for (const name of ['passwd', 'group'])
      folder.write(`root/etc/${name}`, readFileSync(`/usr/share/base-passwd/${name}.master`));
  }
}

/** Names such as awk, whose file is one of several. Source: update-alternatives(1), its files. */
function alternatives(files: ReadonlySet<string>): string[] {
  return readdirSync('/etc/alternatives').flatMap((name) => {
    const link = `/etc/alternatives/${name}`;
    const administered = join(database, 'alternatives', name);
    if (!existsSync(link) || !existsSync(administered) || !files.has(realpathSync(link))) return [];
    const [, generic = ''] = readFileSync(administered, 'utf8').split('\n');
    return [link, generic];
  });
}

/** PHP's modules, which the packages' scripts enable. */
function writeModules(folder: TestFolder, files: ReadonlySet<string>): void {
  const [cli, available] = [join(phpFolder, 'cli/conf.d'), join(phpFolder, 'mods-available')];
  for (const path of files) {
    const [, name] = /^\/usr\/share\/php[\d.]+-\w+\/\w+\/(\w+)\.ini$/.exec(path) ?? [];
    if (name === undefined) continue;
    const text = readFileSync(path, 'utf8');
    folder.write(`root${available}/${name}.ini`, text);
    const priority = /^; priority=(\d+)$/m.exec(text)?.[1] ?? '20';
    folder.mkdir(`root${cli}`);
    symlinkSync(`${available}/${name}.ini`, folder.join(`root${cli}/${priority}-${name}.ini`));
  }
}
