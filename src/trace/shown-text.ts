/** From the bytes of PHP or of a request to text that no terminal obeys: control characters become U+FFFD. */
export function shownText(binary: string): string {
  return Buffer.from(binary, 'latin1')
    .toString('utf8')
    .replace(/\p{Cc}/gu, '\ufffd');
}
