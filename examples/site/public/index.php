<?php

/**
 * The example site of Hathi: one page that names the PHP that ran it, and does three small things of a PHP
 * application. It needs no build step and no package, and runs on every PHP from 7.4 on.
 */

declare(strict_types=1);

require __DIR__ . '/../src/Runtime.php';
require __DIR__ . '/../src/Session.php';
require __DIR__ . '/../src/Upload.php';
require __DIR__ . '/../src/Guestbook.php';
require __DIR__ . '/../src/View.php';

header("Content-Security-Policy: default-src 'none'; style-src 'self'; img-src 'self' data:; "
    . "form-action 'self'; base-uri 'none'; frame-ancestors 'none'");
header('X-Content-Type-Options: nosniff');
header('Referrer-Policy: same-origin');

$session = new Session();
$guestbook = Guestbook::open(dirname(__DIR__) . '/data');
$view = new View(dirname(__DIR__) . '/templates');

/** Shows the page, with the results of a form handler. */
$show = static function (array $results = [], int $status = 200) use ($session, $guestbook, $view): void {
    http_response_code($status);
    echo $view->page('home', $results + [
        'runtime' => Runtime::describe(),
        'visits' => $session->visits(),
        'token' => $session->token(),
        'notice' => $session->takeNotice(),
        'entries' => $guestbook->latest(),
        'where' => $guestbook->folder(),
        'maxUpload' => Upload::limit(),
    ]);
};

$path = rawurldecode((string) parse_url($_SERVER['REQUEST_URI'] ?? '/', PHP_URL_PATH));
$route = ($_SERVER['REQUEST_METHOD'] ?? 'GET') . ' ' . $path;

if (Upload::wasTooLargeForPhp()) {
    // PHP drops the whole form when it is over post_max_size, the token included.
    $show(['uploadError' => 'That is more than ' . Upload::readable(Upload::limit()) . ', this PHP\'s limit.'], 413);
    return;
}
if ($_SERVER['REQUEST_METHOD'] === 'POST' && !$session->accepts($_POST['token'] ?? null)) {
    $show(['formError' => 'The form was too old. Please send it again.'], 403);
    return;
}

switch ($route) {
    case 'GET /':
    case 'HEAD /':
    case 'GET /index.php':
        $session->countVisit();
        $show();
        break;
    case 'POST /upload':
        $upload = Upload::receive($_FILES['file'] ?? null);
        $show(['upload' => $upload->file, 'uploadError' => $upload->error], $upload->error === null ? 200 : 422);
        break;
    case 'POST /guestbook':
        $error = $guestbook->sign((string) ($_POST['name'] ?? ''), (string) ($_POST['message'] ?? ''));
        if ($error !== null) {
            $show(['guestError' => $error, 'draft' => $_POST], 422);
            break;
        }
        $session->leaveNotice('Thank you. Your line is in the book.');
        header('Location: /#guestbook', true, 303);
        break;
    case 'POST /forget':
        $session->forget();
        header('Location: /#session', true, 303);
        break;
    default:
        http_response_code(404);
        echo $view->page('missing', ['path' => $path]);
}
