/** A real Chromium, Debian's, driven by playwright-core. */
import { type Browser, chromium } from 'playwright-core';

/**
 * Starts Chromium headless. Without the sandbox, which root cannot have, and without features that would contact hosts
 * on the Internet.
 */
export async function openBrowser(): Promise<Browser> {
  return await chromium.launch({
    executablePath: '/usr/bin/chromium',
    args: [
      '--headless',
      '--no-sandbox',
      '--disable-gpu',
      '--disable-quic',
      '--no-first-run',
      '--disable-background-networking',
      '--disable-component-update',
      '--disable-sync',
    ],
  });
}
