<?php

declare(strict_types=1);

/** A file sent by the form. It is examined and dropped: nothing is kept. */
final class Upload
{
    /** Larger images are described but not shown. */
    private const PREVIEW_BYTES = 4 * 1048576;
    private const PREVIEW_TYPES = ['image/png', 'image/jpeg', 'image/gif', 'image/webp', 'image/avif'];

    /** @var array{name: string, size: string, sha256: string, type: string, preview: ?string}|null */
    public ?array $file = null;
    public ?string $error = null;

    /** @param array<string, mixed>|null $sent one element of $_FILES */
    public static function receive(?array $sent): self
    {
        $upload = new self();
        $upload->error = self::problem($sent);
        if ($upload->error === null) {
            $upload->file = self::describe($sent['tmp_name'], $sent['name'], $sent['size']);
        }
        return $upload;
    }

    /** Bytes that one file may have: the smaller of PHP's two limits. */
    public static function limit(): int
    {
        return min(self::bytes(ini_get('upload_max_filesize')), self::bytes(ini_get('post_max_size')));
    }

    public static function wasTooLargeForPhp(): bool
    {
        return $_SERVER['REQUEST_METHOD'] === 'POST' && $_POST === [] && $_FILES === []
            && (int) ($_SERVER['CONTENT_LENGTH'] ?? 0) > self::bytes(ini_get('post_max_size'));
    }

    public static function readable(int $bytes): string
    {
        foreach (['B', 'KB', 'MB'] as $unit) {
            if ($bytes < 1024) {
                return round($bytes, 1) . " $unit";
            }
            $bytes /= 1024;
        }
        return round($bytes, 1) . ' GB';
    }

    private static function problem(?array $sent): ?string
    {
        switch (is_array($sent) && is_int($sent['error'] ?? null) ? $sent['error'] : UPLOAD_ERR_NO_FILE) {
            case UPLOAD_ERR_OK:
                return is_uploaded_file($sent['tmp_name']) ? null : 'That was no upload.';
            case UPLOAD_ERR_INI_SIZE:
                return 'That is more than ' . self::readable(self::limit()) . ', this PHP\'s limit.';
            case UPLOAD_ERR_PARTIAL:
                return 'Only a part of the file arrived. Please try again.';
            case UPLOAD_ERR_NO_FILE:
                return 'Please choose a file first.';
            default:
                return "PHP could not store the file (error {$sent['error']}).";
        }
    }

    private static function describe(string $path, string $name, int $size): array
    {
        $image = @getimagesize($path);
        $type = $image['mime'] ?? 'application/octet-stream';
        $shown = in_array($type, self::PREVIEW_TYPES, true) && $size <= self::PREVIEW_BYTES;
        return [
            'name' => $name,
            'size' => self::readable($size),
            'sha256' => hash_file('sha256', $path),
            'type' => $image ? "$type, $image[0] × $image[1]" : 'no image',
            'preview' => $shown ? "data:$type;base64," . base64_encode(file_get_contents($path)) : null,
        ];
    }

    /** The meaning of an ini value such as `8M`; 0 stands for no limit. */
    private static function bytes(string $value): int
    {
        $units = ['K' => 1024, 'M' => 1048576, 'G' => 1073741824];
        $bytes = (int) $value * ($units[strtoupper(substr($value, -1))] ?? 1);
        return $bytes > 0 ? $bytes : PHP_INT_MAX;
    }
}
