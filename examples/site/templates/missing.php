<section class="hero">
  <div>
    <p class="kicker">404</p>
    <h1>Nothing lives at this address</h1>
    <p class="lead">The site has no page <code><?= e($path) ?></code>.</p>
    <p><a class="button" href="/">Back to the start</a></p>
  </div>
  <?php require __DIR__ . '/elephant.php' ?>
</section>
