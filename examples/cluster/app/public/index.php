<?php
// The application of the example: a page that counts in a session, a page that caches may keep, a page that takes long.
// Its release is the name of the folder that it was deployed to.
$release = basename(dirname(__DIR__));
$path = parse_url($_SERVER['REQUEST_URI'], PHP_URL_PATH);

if ($path === '/page') {
    // For all visitors: the edge keeps it for a second, and an old one where PHP has no new one (RFC 5861).
    header('Cache-Control: public, max-age=1, stale-while-revalidate=60, stale-if-error=600');
    echo $release, ' ', gethostname(), ' ', microtime(true), "\n";
    exit;
}

if ($path === '/slow') {
    usleep((int) (1e6 * min(10, (float) ($_GET['seconds'] ?? 1))));
    echo "done\n";
    exit;
}

// Without its session the application knows nobody: that is an error of the server, not a new visitor.
if (!@session_start()) {
    http_response_code(503);
    exit("no session\n");
}
// The client numbers what it orders, so that an order that arrives twice (a balancer's second try, a visitor's) counts once.
$id = $_SERVER['HTTP_IDEMPOTENCY_KEY'] ?? bin2hex(random_bytes(8));
if (($_SESSION['last'] ?? '') !== $id) {
    $_SESSION['last'] = $id;
    $_SESSION['count'] = ($_SESSION['count'] ?? 0) + 1;
}
// As long as a database would take.
usleep(1000 * min(1000, max(0, (int) ($_GET['work'] ?? 20))));
header('Content-Type: application/json');
echo json_encode(['count' => $_SESSION['count'], 'release' => $release, 'node' => gethostname()]), "\n";
