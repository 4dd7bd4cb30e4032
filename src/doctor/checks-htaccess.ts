/** `.htaccess` files in document roots that Apache serves. */

import type { Facts } from './facts.ts';
import type { Check, Sighting } from './finding.ts';
import { type Htaccess, htaccessFiles, type Override } from './htaccess.ts';
import { apacheOverride, fpmUserIni } from './sources.ts';
import { listing } from './words.ts';

const phpDirective = /^php_(?:admin_)?(?:value|flag)$/;

function textOf({ name, args }: Override): string {
  return [name, ...args].join(' ');
}

function isInModule({ path }: Override): boolean {
  return path.some(({ name }) => name === 'ifmodule');
}

function lookForPhpValues(facts: Facts): Sighting[] {
  if (facts.hasModPhp) return [];
  return htaccessFiles(facts).flatMap(({ path, folder, directives }) => {
    const values = directives.filter(({ name }) => phpDirective.test(name));
    const [first] = values;
    if (first === undefined) return [];
    const isFatal = values.some((value) => !isInModule(value));
    return [
      {
        subject: `file ${path}`,
        place: (values.find((value) => !isInModule(value)) ?? first).place,
        severity: isFatal ? 'critical' : 'warning',
        seen: `${listing(values.map(textOf))}: ${isFatal ? 'Apache does not know it without mod_php, and answers 500 for the whole folder' : 'only mod_php reads it, so it is not in force'}`,
        mend: [
          `in ${folder}/.user.ini:`,
          ...values.map(({ args: [name = '', ...value] }) => `${name} = ${value.join(' ')}`),
        ],
      },
    ];
  });
}

/** Names that are no scripts. */
const otherNames = ['x.html', 'x.jpg', 'x.png', 'x.txt', 'x.inc', 'x.svg'];

/** A text on what a directive opens; undefined where it opens nothing. */
function opens(override: Override, file: Htaccess): string | undefined {
  const { name, args } = override;
  const words = args.map((arg) => arg.toLowerCase());
  if (name === 'options') {
    if (words.some((word) => /^\+?(?:indexes|all)$/.test(word))) return 'shows the names of all files';
    return words.some((word) => /^\+?execcgi$/.test(word)) ? 'has files run as programs' : undefined;
  }
  if (/^(?:sethandler|addhandler|addtype|forcetype)$/.test(name)) return handles(override);
  const isGrant =
    (name === 'require' && words.join(' ') === 'all granted') ||
    (name === 'allow' && words.join(' ') === 'from all') ||
    (name === 'satisfy' && words[0] === 'any');
  return isGrant && file.isBelowClosed ? 'lets everybody in below a folder that is closed' : undefined;
}

function handles({ name, args, path }: Override): string | undefined {
  const [handler = '', ...extensions] = args;
  const isPassed = /fcgi:/i.test(handler);
  if (!isPassed && !/x-httpd-(?:e?a-)?php/i.test(handler)) return undefined;
  const names = name.startsWith('add')
    ? extensions
        .map((extension) => `x.${extension.replace(/^\./, '')}`)
        .filter((each) => !/\.ph[^.]*$/.test(each))
    : otherNames.filter((each) =>
        path.every(({ name: section, args: words }) => includes(section, words, each)),
      );
  if (names.length === 0) return undefined;
  return isPassed
    ? `has files such as ${names[0]} run as PHP`
    : `has Apache send the source of files such as ${names[0]}: that is a handler of mod_php`;
}

function includes(section: string, args: readonly string[], name: string): boolean {
  if (!section.startsWith('files')) return true;
  const isPattern = section === 'filesmatch' || args[0] === '~';
  const value = (args[0] === '~' ? args[1] : args[0]) ?? '';
  if (!isPattern) return value === name || value === '*';
  try {
    return new RegExp(value).test(name);
  } catch {
    return false;
  }
}

function lookForOpenings(facts: Facts): Sighting[] {
  return htaccessFiles(facts).flatMap((file) =>
    file.directives.flatMap((override) => {
      const effect = opens(override, file);
      if (effect === undefined) return [];
      return [
        {
          subject: `file ${file.path}`,
          place: override.place,
          seen: `${textOf(override)} ${effect}`,
          mend: [`Take line ${override.place.line} out of ${file.path}`],
        },
      ];
    }),
  );
}

export const htaccessChecks: readonly Check[] = [
  {
    id: 'htaccess-php-value',
    severity: 'warning',
    title: '`php_value` or `php_flag` in an `.htaccess` file',
    effect:
      'It is for mod_php: limits and switches are not what the application asks for, or its folder is not served.',
    source: fpmUserIni,
    look: lookForPhpValues,
  },
  {
    id: 'htaccess-opens',
    severity: 'warning',
    title:
      'an `.htaccess` file that shows folders, runs or sends what is no script, or opens a closed folder',
    effect:
      'What the server keeps closed is open there, and whoever may write a file in the folder can do the same.',
    source: apacheOverride,
    look: lookForOpenings,
  },
];
