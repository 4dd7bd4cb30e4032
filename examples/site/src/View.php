<?php

declare(strict_types=1);

/** Renders a template inside the layout. Templates print text through e(). */
final class View
{
    private string $folder;

    public function __construct(string $folder)
    {
        $this->folder = $folder;
    }

    /** @param array<string, mixed> $values variables of the template */
    public function page(string $template, array $values): string
    {
        return $this->render('layout', ['content' => $this->render($template, $values)]);
    }

    private function render(string $__template, array $__values): string
    {
        extract($__values, EXTR_SKIP);
        ob_start();
        require "$this->folder/$__template.php";
        return ob_get_clean();
    }
}

/** Escapes text for HTML content and quoted attributes. */
function e(string $text): string
{
    return htmlspecialchars($text, ENT_QUOTES | ENT_SUBSTITUTE, 'UTF-8');
}
