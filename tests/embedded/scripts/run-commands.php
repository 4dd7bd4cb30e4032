<?php
exec("echo out; exit 3", $lines, $code);
$process = proc_open(["sh", "-c", "cat; echo error >&2; exit 5"], [["pipe", "r"], ["pipe", "w"], ["pipe", "w"]], $pipes);
fwrite($pipes[0], "input"); fclose($pipes[0]);
$out = [stream_get_contents($pipes[1]), stream_get_contents($pipes[2]), proc_close($process)];
$read = popen("echo read; exit 6", "r"); $got = [fgets($read), pclose($read)];
$write = popen("cat > " . escapeshellarg($_GET["file"]) . "; exit 4", "w"); fwrite($write, "written");
echo json_encode([$lines, $code, $out, $got, pclose($write), shell_exec("pwd; printenv NAMED"), exec("no-such-command 2>&1", $none, $missing), $missing]);
