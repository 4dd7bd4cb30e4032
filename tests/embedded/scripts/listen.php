<?php echo json_encode([@stream_socket_server("tcp://127.0.0.1:0") === false, @stream_socket_server("udp://127.0.0.1:0", $e, $m, STREAM_SERVER_BIND) === false]);
