<?php
// The first recursion is ended by an error; what is kept back for that is used up by the second.
class Endless { function __toString(): string { return (string) $this; } }
echo "before";
flush();
register_shutdown_function(fn () => (string) new Endless());
ob_start(fn () => (string) new Endless());
