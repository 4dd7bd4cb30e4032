<?php session_save_path($_GET["dir"]); session_id("shared"); session_start(); $_SESSION["n"] = ($_SESSION["n"] ?? 0) + 1; echo $_SESSION["n"];
