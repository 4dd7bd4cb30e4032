/** A small site for the tests of the web servers: a front controller, a page that shows its input, static files. */
import type { TestFolder } from './folder.ts';

/** Answer of `info.php`. */
export interface SiteInfo {
  readonly script: string;
  readonly server: Record<string, string>;
  readonly get: Record<string, string>;
  readonly post: Record<string, string>;
  readonly files: Record<string, { name: string; size: number; error: number; md5: string }>;
  readonly bodyLength: number;
}

const info = `<?php
header('Content-Type: application/json');
$files = array_map(fn($f) => ['name' => $f['name'], 'size' => $f['size'], 'error' => $f['error'],
  'md5' => $f['error'] ? '' : md5_file($f['tmp_name'])], $_FILES);
echo json_encode(['script' => basename(__FILE__), 'server' => (object)array_filter($_SERVER, 'is_string'),
  'get' => (object)$_GET, 'post' => (object)$_POST, 'files' => (object)$files,
  'bodyLength' => strlen(file_get_contents('php://input'))]);`;

/** Writes the site below `www/public` and returns that path. */
export function writeSite(folder: TestFolder): string {
  folder.write('www/public/index.php', info);
  folder.write('www/public/info.php', info);
  folder.write('www/public/sub/index.php', info);
  folder.write(
    'www/public/large.php',
    `<?php for ($i = 0; $i < 512; $i++) echo str_repeat(chr(65 + $i % 26), 8192);`,
  );
  folder.write(
    'www/public/cookies.php',
    `<?php setcookie('a', '1'); setcookie('b', '2'); http_response_code(201); echo 'made';`,
  );
  folder.write('www/public/style.css', 'body { color: black }\n');
  folder.write('www/public/uploads/picture.png', '<?php echo "must not run";');
  return folder.join('www/public');
}
