<!doctype html>
<html lang="en">
<head>
  <meta charset="utf-8">
  <meta name="viewport" content="width=device-width, initial-scale=1">
  <meta name="color-scheme" content="light dark">
  <title>Hathi · PHP is running</title>
  <link rel="icon" href="/elephant.svg" type="image/svg+xml">
  <link rel="stylesheet" href="/style.css">
</head>
<body>
<a class="skip" href="#main">Skip to the content</a>
<main id="main">
<?= $content ?>
</main>
<footer>
  <p>This page is <code>examples/site</code>. Change a file and reload: there is nothing to build.</p>
</footer>
</body>
</html>
