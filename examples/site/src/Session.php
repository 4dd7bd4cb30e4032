<?php

declare(strict_types=1);

/** The visitor's session: a counter, the token that every form carries, and one notice for the next page. */
final class Session
{
    public function __construct()
    {
        session_start([
            'name' => 'hathi_example',
            'cookie_httponly' => true,
            'cookie_samesite' => 'Lax',
            'use_strict_mode' => true,
        ]);
        $_SESSION += ['visits' => 0, 'token' => bin2hex(random_bytes(16)), 'notice' => null];
    }

    public function visits(): int
    {
        return $_SESSION['visits'];
    }

    public function countVisit(): void
    {
        $_SESSION['visits']++;
    }

    /** Goes into every form, so that no other site can send one in the visitor's name. */
    public function token(): string
    {
        return $_SESSION['token'];
    }

    /** @param mixed $token */
    public function accepts($token): bool
    {
        return is_string($token) && hash_equals($_SESSION['token'], $token);
    }

    public function leaveNotice(string $notice): void
    {
        $_SESSION['notice'] = $notice;
    }

    public function takeNotice(): ?string
    {
        $notice = $_SESSION['notice'];
        $_SESSION['notice'] = null;
        return $notice;
    }

    public function forget(): void
    {
        $_SESSION = [];
        session_regenerate_id(true);
    }
}
