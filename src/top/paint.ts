/** Colour, if the terminal supports it. */

const styles = {
  alarm: '31;1',
  warning: '33',
  heading: '7',
  selected: '7;1',
  faint: '2',
} as const;
export type Style = keyof typeof styles;

export function paint(line: string, style: Style, color: boolean): string {
  return color ? `\x1b[${styles[style]}m${line}\x1b[0m` : line;
}
