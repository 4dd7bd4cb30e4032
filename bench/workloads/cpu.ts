/** Scripts that only compute: opcode dispatch is the weak point of a WebAssembly PHP, library code is nearly native. */
import { poolText } from '../../tests/harness/pool.ts';
import { Pair } from '../lib/pair.ts';
import { requestBytes, sendStream } from '../lib/requests.ts';
import type { Workload } from '../lib/workload.ts';

/** Integers, floats, calls, branches: nothing but opcodes. */
const loops = `<?php
function collatz(int $n): int {
  for ($steps = 0; $n !== 1; $steps++) $n = $n % 2 === 0 ? intdiv($n, 2) : 3 * $n + 1;
  return $steps;
}
$longest = 0;
for ($i = 1; $i < 4000; $i++) $longest = max($longest, collatz($i));
$sum = 0.0;
for ($i = 1; $i < 200000; $i++) $sum += 1.0 / $i;
echo $longest, ' ', number_format($sum, 6), ' done';`;

/** Typical work of a page: builds, splits, replaces, hashes, encodes and sorts text, in functions written in C. */
const strings = `<?php
$words = [];
for ($i = 0; $i < 4000; $i++) $words[] = substr(md5((string)$i), 0, 8);
sort($words);
$text = implode(' ', $words);
for ($i = 0; $i < 12; $i++) {
  $html = htmlspecialchars(str_replace(['a', 'b'], ['<a>', '&b'], $text));
  $count = count(explode(' ', ucwords($html)));
  $copy = json_decode(json_encode(['text' => $html, 'words' => $words]), true);
  $hash = hash('sha256', $copy['text']) . crc32($html) . strlen(gzcompress($html));
  $found = preg_match_all('/[0-9]{3,}[a-f]+/', $text);
}
echo $count, ' ', $hash, ' ', $found, ' done';`;

export const cpu: Workload = {
  name: 'cpu',
  title: 'Scripts that compute (no JIT on either side)',
  async measure({ rounds, seconds }) {
    await using pair = await Pair.start(
      (folder) => poolText(folder),
      (folder) => {
        folder.write('www/loops.php', loops);
        folder.write('www/strings.php', strings);
      },
    );
    const result = await pair.compare(rounds, async (server) => {
      const time = async (script: string): Promise<number> => {
        const request = requestBytes(server.folder.join(script));
        const stream = { socket: server.socket(), request, ending: 'done', clients: 1, keep: true, seconds };
        return (await sendStream(stream)).median;
      };
      return { loops: await time('www/loops.php'), strings: await time('www/strings.php') };
    });
    return [
      { label: 'loops, arithmetic, calls', unit: 'ms', ...result.loops },
      { label: 'strings, arrays, JSON, hashes, regular expressions', unit: 'ms', ...result.strings },
    ];
  },
};
