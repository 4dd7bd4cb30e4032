/**
 * A script that ends PHP by SIGSEGV: arrays in arrays are destroyed by recursion in C, which runs out of stack. Calls
 * of PHP functions do so no longer: since 8.3 they end in an exception.
 */
export const crashingScript =
  '<?php for ($deep = [], $i = 0; $i < 400000; $i++) $deep = [$deep]; unset($deep); echo "alive";';
