<?php

declare(strict_types=1);

/** The guest book, in an SQLite file outside the document root. */
final class Guestbook
{
    private const NAME_LENGTH = 40;
    private const MESSAGE_LENGTH = 280;
    private const SHOWN = 20;

    private PDO $db;
    private string $folder;

    private function __construct(string $folder)
    {
        $this->folder = $folder;
        $this->db = new PDO("sqlite:$folder/guestbook.sqlite", null, null, [
            PDO::ATTR_ERRMODE => PDO::ERRMODE_EXCEPTION,
            PDO::ATTR_DEFAULT_FETCH_MODE => PDO::FETCH_ASSOC,
            // Seconds that a worker waits while another one writes.
            PDO::ATTR_TIMEOUT => 5,
        ]);
        $this->db->exec('CREATE TABLE IF NOT EXISTS entry (
            id INTEGER PRIMARY KEY,
            name TEXT NOT NULL,
            message TEXT NOT NULL,
            signed_at INTEGER NOT NULL
        )');
    }

    /** Uses the wanted folder where PHP may write there, else one in the temporary folder. */
    public static function open(string $wanted): self
    {
        $spare = sys_get_temp_dir() . '/hathi-example-' . (function_exists('posix_geteuid') ? posix_geteuid() : 'site');
        foreach ([$wanted, $spare] as $folder) {
            if ((is_dir($folder) || @mkdir($folder, 0700)) && is_writable($folder) && !is_link($folder)) {
                return new self($folder);
            }
        }
        throw new RuntimeException("cannot write to \"$wanted\" nor to \"$spare\": give PHP the right to one of them");
    }

    public function folder(): string
    {
        return $this->folder;
    }

    /** @return string|null the fault of the entry */
    public function sign(string $name, string $message): ?string
    {
        $name = trim($name);
        $message = trim($message);
        if (!self::fits($name, self::NAME_LENGTH)) {
            return 'Please give a name of up to ' . self::NAME_LENGTH . ' characters.';
        }
        if (!self::fits($message, self::MESSAGE_LENGTH)) {
            return 'Please write a line of up to ' . self::MESSAGE_LENGTH . ' characters.';
        }
        $this->db->prepare('INSERT INTO entry (name, message, signed_at) VALUES (?, ?, ?)')
            ->execute([$name, $message, time()]);
        return null;
    }

    /** @return array<int, array{name: string, message: string, signed_at: int}> newest first */
    public function latest(): array
    {
        $entries = $this->db->prepare('SELECT name, message, signed_at FROM entry ORDER BY id DESC LIMIT ?');
        $entries->bindValue(1, self::SHOWN, PDO::PARAM_INT);
        $entries->execute();
        return $entries->fetchAll();
    }

    /** Counts characters without the mbstring extension; broken UTF-8 does not fit. */
    private static function fits(string $text, int $length): bool
    {
        return preg_match('/^.{1,' . $length . '}$/Dus', $text) === 1;
    }
}
