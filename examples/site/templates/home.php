<section class="hero">
  <div>
    <p class="kicker"><span class="dot" aria-hidden="true"></span> It works</p>
    <h1><?= e($runtime['headline']) ?> is running</h1>
    <p class="lead">Hathi took your request, gave it to a worker of its pool, and this page is what the worker
      made of it. Below is what it knows about itself, and three things to try.</p>
  </div>
  <?php require __DIR__ . '/elephant.php' ?>
</section>

<?php if (isset($formError)): ?>
<p class="message bad" role="alert"><?= e($formError) ?></p>
<?php endif ?>

<section aria-labelledby="runtime-title">
  <h2 id="runtime-title">What ran this page</h2>
  <dl class="facts">
<?php foreach ($runtime['facts'] as [$name, $value, $note]): ?>
    <div>
      <dt><?= e($name) ?></dt>
      <dd><strong data-fact="<?= e($name) ?>"><?= e($value) ?></strong> <span><?= e($note) ?></span></dd>
    </div>
<?php endforeach ?>
  </dl>
</section>

<div class="pair">
<section class="card" aria-labelledby="upload-title" id="upload">
  <h2 id="upload-title">Send a file</h2>
  <p>It is measured, hashed and dropped again. Up to <?= e(Upload::readable($maxUpload)) ?>.</p>
  <form method="post" action="/upload#upload" enctype="multipart/form-data">
    <input type="hidden" name="token" value="<?= e($token) ?>">
    <label for="file">File</label>
    <input type="file" id="file" name="file" required>
    <button>Send</button>
  </form>
<?php if (isset($uploadError)): ?>
  <p class="message bad" role="alert"><?= e($uploadError) ?></p>
<?php endif ?>
<?php if (isset($upload)): ?>
  <figure class="upload" role="status">
<?php if ($upload['preview'] !== null): ?>
    <img src="<?= e($upload['preview']) ?>" alt="The picture that you sent">
<?php endif ?>
    <figcaption>
      <strong data-upload="name"><?= e($upload['name']) ?></strong>
      <span data-upload="size"><?= e($upload['size']) ?>, <?= e($upload['type']) ?></span>
      <code data-upload="sha256"><?= e($upload['sha256']) ?></code>
    </figcaption>
  </figure>
<?php endif ?>
</section>

<section class="card" aria-labelledby="session-title" id="session">
  <h2 id="session-title">Come again</h2>
  <p>A session is a file that all workers share, whichever of them answers.</p>
  <p class="count"><strong data-visits><?= $visits ?></strong> <?= $visits === 1 ? 'visit' : 'visits' ?> in this session</p>
  <div class="row">
    <a class="button" href="/#session">Visit again</a>
    <form method="post" action="/forget">
      <input type="hidden" name="token" value="<?= e($token) ?>">
      <button class="quiet">Start over</button>
    </form>
  </div>
</section>
</div>

<section class="card" aria-labelledby="guestbook-title" id="guestbook">
  <h2 id="guestbook-title">Guest book</h2>
<?php if ($notice !== null): ?>
  <p class="message good" role="status"><?= e($notice) ?></p>
<?php endif ?>
<?php if (isset($guestError)): ?>
  <p class="message bad" role="alert"><?= e($guestError) ?></p>
<?php endif ?>
  <form method="post" action="/guestbook#guestbook" class="sign">
    <input type="hidden" name="token" value="<?= e($token) ?>">
    <div>
      <label for="name">Name</label>
      <input id="name" name="name" maxlength="40" required autocomplete="name" value="<?= e((string) ($draft['name'] ?? '')) ?>">
    </div>
    <div>
      <label for="message">Your line</label>
      <input id="message" name="message" maxlength="280" required value="<?= e((string) ($draft['message'] ?? '')) ?>">
    </div>
    <button>Sign</button>
  </form>
<?php if ($entries === []): ?>
  <p class="empty">Nobody has signed yet. Be the first.</p>
<?php else: ?>
  <ol class="entries">
<?php foreach ($entries as $entry): ?>
    <li>
      <p><?= e($entry['message']) ?></p>
      <footer><?= e($entry['name']) ?>, <time datetime="<?= gmdate('c', (int) $entry['signed_at']) ?>"><?= gmdate('j M Y, H:i', (int) $entry['signed_at']) ?> UTC</time></footer>
    </li>
<?php endforeach ?>
  </ol>
<?php endif ?>
  <p class="note">Kept with SQLite in <code><?= e($where) ?></code>, outside the document root.</p>
</section>
