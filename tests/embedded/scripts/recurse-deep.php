<?php
/** Recursion in C, of the kind and depth that the query names. */
class Node { public $next; }
class Endless { function __toString(): string { return (string) $this; } function __get($name) { return $this->{$name . 'a'}; } }
class Made { public $depth; function __serialize(): array { return $this->depth > 0 ? [made($this->depth - 1)] : []; } }
function made(int $depth): Made { $made = new Made(); $made->depth = $depth; return $made; }
function sorted(int $depth): int {
    if ($depth === 0) return 0;
    $pair = [2, 1];
    usort($pair, function ($left, $right) use ($depth) { sorted($depth - 1); return $left <=> $right; });
    return $pair[0];
}
function nested(int $depth) { for ($value = 1; $depth > 0; $depth--) $value = [$value]; return $value; }

$depth = (int) $_GET['depth'];
switch ($_GET['kind']) {
    case 'serialize': echo strlen(serialize(nested($depth))); break;
    case '__serialize': echo strlen(serialize(made($depth))) > $depth; break;
    case 'json_encode': echo strlen(json_encode(nested($depth), 0, 2 * $depth)); break;
    case 'compare': echo nested($depth) == nested($depth) ? 'same' : 'different'; break;
    case 'usort': echo sorted($depth); break;
    case 'free':
        for ($list = null; $depth > 0; $depth--) { $node = new Node(); $node->next = $list; $list = $node; }
        $list = $node = null;
        echo 'freed';
        break;
    case '__toString': echo new Endless(); break;
    case 'shutdown': register_shutdown_function(fn () => (string) new Endless()); echo 'done'; break;
}
