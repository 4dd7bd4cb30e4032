<?php
try { $f = new Fiber(function () { Fiber::suspend(1); }); echo $f->start(); }
catch (Error $e) { echo get_class($e), ": ", $e->getMessage(); }
