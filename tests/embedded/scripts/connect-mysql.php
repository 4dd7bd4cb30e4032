<?php try { new mysqli("127.0.0.1", "u", "p", "d", 1); } catch (mysqli_sql_exception $e) { echo $e->getMessage(); }
