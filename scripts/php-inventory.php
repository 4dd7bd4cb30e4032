<?php
// Prints what this PHP has, by extension, as JSON. Read by scripts/php-inventory.ts; runs in any PHP from 7.4 on.
$inventory = [];
foreach (get_loaded_extensions() as $name) {
    $extension = new ReflectionExtension($name);
    $names = [];
    foreach ($extension->getFunctions() as $function) $names[] = $function->getName() . '()';
    foreach (array_keys($extension->getConstants()) as $constant) $names[] = $constant;
    foreach ($extension->getClasses() as $class) {
        $names[] = $class->getName();
        foreach ($class->getMethods() as $method) {
            if ($method->isPublic() && $method->getDeclaringClass()->getName() === $class->getName()) $names[] = $class->getName() . '::' . $method->getName() . '()';
        }
        foreach ($class->getReflectionConstants() as $constant) {
            if ($constant->isPublic() && $constant->getDeclaringClass()->getName() === $class->getName()) $names[] = $class->getName() . '::' . $constant->getName();
        }
    }
    sort($names);
    $inventory[strtolower($name)] = $names;
}
ksort($inventory);
echo json_encode(['version' => PHP_VERSION, 'extensions' => $inventory]);
