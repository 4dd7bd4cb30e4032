/** Packages of Debian, made again of their installed files: nothing is downloaded. */
import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import type { TestFolder } from './folder.ts';

/**
 * Commands for sh, as root, that make `FOLDER.deb`, in a folder that they make.
 *
 * @param edit of its control file, by sed
 * @param change command in the folder before it is packed
 */
export function repackCommands(name: string, folder: string, edit = '', change = ':'): string {
  const info = `/var/lib/dpkg/info/${name}`;
  return `mkdir -p ${folder}/DEBIAN && cd ${folder}
    dpkg-query -L ${name} | grep -vx -e '/\\.' -e /lib | sed 's,^/,,' |
      tar -C / --no-recursion -cf - -T - | tar -xf - --no-same-owner
    for file in preinst postinst prerm postrm triggers conffiles; do
      if [ -e ${info}.$file ]; then cp ${info}.$file DEBIAN/$file; fi
    done
    dpkg-query -s ${name} | sed -e '/^Status:/d' -e '${edit}' -e '/^Conffiles:/,/^[^ C]/{/^Conffiles:/d;/^ /d}' >DEBIAN/control
    ${change}
    dpkg-deb -Znone --build ${folder} ${folder}.deb`;
}

/** Makes an archive for apt-get of one package in the folder: `deb [trusted=yes] file:FOLDER ./`. Source: apt-ftparchive(1). */
export function makeArchive(folder: TestFolder, path: string, name: string): void {
  folder.mkdir(path);
  const place = folder.join(path, name);
  execFileSync('sh', ['-ec', repackCommands(name, place)], { stdio: 'pipe' });
  const file = readFileSync(`${place}.deb`);
  const control = readFileSync(`${place}/DEBIAN/control`, 'utf8').trim();
  const sum = createHash('sha256').update(file).digest('hex');
  folder.write(
    `${path}/Packages`,
    `${control}\nFilename: ./${name}.deb\nSize: ${file.length}\nSHA256: ${sum}\n\n`,
  );
}
