<?php

declare(strict_types=1);

/** Facts about the PHP that answers this request. */
final class Runtime
{
    /** @return array{headline: string, engine: string, facts: array<int, array{string, string, string}>} */
    public static function describe(): array
    {
        $status = function_exists('fpm_get_status') ? (fpm_get_status() ?: []) : [];
        $worker = self::worker($status);
        $engine = self::engine();

        $facts = [
            ['PHP', PHP_VERSION, PHP_INT_SIZE * 8 . '-bit, ' . count(get_loaded_extensions()) . ' extensions'],
            ['Server API', PHP_SAPI, self::serverName()],
            ['Engine', $engine, php_uname('s') . ' ' . php_uname('m')],
        ];
        if (isset($status['pool'])) {
            $facts[] = ['Pool', $status['pool'], 'pm = ' . ($status['process-manager'] ?? 'unknown')];
        }
        $facts[] = ['Worker', (string) getmypid(), self::age($worker)];
        if (isset($worker['requests'])) {
            $of = isset($status['accepted-conn']) ? "of {$status['accepted-conn']} in this pool" : '';
            $facts[] = ['Requests', (string) $worker['requests'], trim("by this worker $of")];
        }
        $limit = ini_get('memory_limit');
        $facts[] = ['Memory', self::megabytes(memory_get_peak_usage()), 'peak, ' . ($limit === '-1' ? 'no limit' : "limit $limit")];
        $facts[] = array_merge(['OPcache'], self::opcache());

        return ['headline' => 'PHP ' . PHP_MAJOR_VERSION . '.' . PHP_MINOR_VERSION, 'engine' => $engine, 'facts' => $facts];
    }

    private static function engine(): string
    {
        if (php_uname('s') === 'Emscripten' || strpos(php_uname('m'), 'wasm') === 0) {
            return 'embedded';
        }
        return PHP_SAPI === 'cli-server' ? 'built-in server' : 'native';
    }

    private static function serverName(): string
    {
        return $_SERVER['SERVER_SOFTWARE'] ?? 'unknown server';
    }

    /** The scoreboard's row of the process that runs this. */
    private static function worker(array $status): array
    {
        foreach ($status['procs'] ?? [] as $process) {
            if (($process['pid'] ?? null) === getmypid()) {
                return $process;
            }
        }
        return [];
    }

    private static function age(array $worker): string
    {
        if (!isset($worker['start-since'])) {
            return 'process id';
        }
        $seconds = (int) $worker['start-since'];
        if ($seconds < 60) {
            return "started $seconds s ago";
        }
        $minutes = intdiv($seconds, 60);
        return $minutes < 60 ? "started $minutes min ago" : 'started ' . intdiv($minutes, 60) . ' h ago';
    }

    /** @return array{string, string} */
    private static function opcache(): array
    {
        $status = function_exists('opcache_get_status') ? @opcache_get_status(false) : false;
        if ($status === false || empty($status['opcache_enabled'])) {
            return ['off', 'every request compiles its scripts'];
        }
        $statistics = $status['opcache_statistics'] ?? [];
        $scripts = $statistics['num_cached_scripts'] ?? 0;
        $hits = $statistics['hits'] ?? 0;
        return ['on', "$scripts scripts, $hits hits"];
    }

    private static function megabytes(int $bytes): string
    {
        return number_format($bytes / 1048576, 1) . ' MB';
    }
}
