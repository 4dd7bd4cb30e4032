<?php
$list = range(1, 100);
usort($list, fn ($left, $right) => $right <=> $left);
echo json_encode([
    strlen(serialize($list)), preg_replace('/a(b)/', '$1', 'ab'), number_format(1.5, 2), md5('x'), $list[0],
    (new DateTime('2020-01-01 UTC'))->format('c'), strtoupper('abc'), (new ReflectionClass('ArrayObject'))->getShortName(),
]);
