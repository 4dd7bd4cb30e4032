<?php try { $db = new PDO("sqlite:" . $_GET["file"]); $db->query("select * from t"); echo "opened"; } catch (PDOException $e) { echo $e->getMessage(); }
