/**
 * Security releases of PHP known to this version of Hathi: the only list. Sources: php.net's changelogs and security
 * advisories, Debian's changelog of php8.2, the CVE records. Windows-only faults are left out.
 */

export interface SecurityRelease {
  /** ISO date of the first of them, if known. */
  readonly date?: string;
  /** The fixed release of each branch: `8.2` to `8.2.36`. */
  readonly releases: Readonly<Record<string, string>>;
  readonly cves: readonly string[];
  /** The worst fault, for operators. */
  readonly fixes: string;
}

/** Newest last; php.net no longer fixes branches before 8.2. */
export const securityReleases: readonly SecurityRelease[] = [
  {
    releases: { '8.1': '8.1.28', '8.2': '8.2.18', '8.3': '8.3.6' },
    cves: ['CVE-2024-2756', 'CVE-2024-3096'],
    fixes: 'a password that matches any other beginning with NUL, cookies that pass as __Host- ones',
  },
  {
    releases: { '8.1': '8.1.29', '8.2': '8.2.20', '8.3': '8.3.8' },
    cves: ['CVE-2024-5458'],
    fixes: 'a bypass of FILTER_VALIDATE_URL',
  },
  {
    releases: { '8.1': '8.1.30', '8.2': '8.2.24', '8.3': '8.3.12' },
    cves: ['CVE-2024-8925', 'CVE-2024-8927', 'CVE-2024-9026'],
    fixes: 'wrong parts of multipart forms, logs of workers altered',
  },
  {
    releases: { '8.1': '8.1.31', '8.2': '8.2.26', '8.3': '8.3.14' },
    cves: ['CVE-2024-8929', 'CVE-2024-8932', 'CVE-2024-11233', 'CVE-2024-11234', 'CVE-2024-11236'],
    fixes: 'a leak of heap by MySQL servers, out-of-bounds writes in LDAP',
  },
  {
    releases: { '8.1': '8.1.32', '8.2': '8.2.28', '8.3': '8.3.19', '8.4': '8.4.5' },
    cves: ['CVE-2025-1217', 'CVE-2025-1219', 'CVE-2025-1734', 'CVE-2025-1736', 'CVE-2025-1861'],
    fixes: 'faults of the HTTP stream wrapper',
  },
  {
    releases: { '8.1': '8.1.33', '8.2': '8.2.29', '8.3': '8.3.23', '8.4': '8.4.10' },
    cves: ['CVE-2025-1220', 'CVE-2025-1735', 'CVE-2025-6491'],
    fixes: 'errors of PostgreSQL quoting that nobody sees, NUL bytes in host names',
  },
  {
    releases: { '8.1': '8.1.34', '8.2': '8.2.30', '8.3': '8.3.29', '8.4': '8.4.16', '8.5': '8.5.1' },
    cves: ['CVE-2025-14177', 'CVE-2025-14178', 'CVE-2025-14180'],
    fixes: 'a heap overflow in array_merge()',
  },
  {
    releases: { '8.2': '8.2.31', '8.3': '8.3.31', '8.4': '8.4.21', '8.5': '8.5.6' },
    cves: [
      'CVE-2025-14179',
      'CVE-2026-6722',
      'CVE-2026-6735',
      'CVE-2026-7258',
      'CVE-2026-7259',
      'CVE-2026-7261',
      'CVE-2026-7262',
      'CVE-2026-7568',
    ],
    fixes: 'use after free in SOAP servers, XSS on the status page',
  },
  {
    releases: { '8.2': '8.2.32', '8.3': '8.3.32', '8.4': '8.4.23', '8.5': '8.5.8' },
    cves: ['CVE-2026-14355'],
    fixes: 'memory corruption in openssl_encrypt()',
  },
  {
    releases: { '8.2': '8.2.33', '8.3': '8.3.33', '8.4': '8.4.24', '8.5': '8.5.9' },
    cves: ['CVE-2026-7260', 'CVE-2026-17543'],
    fixes: 'SQL injection through the quoting of PostgreSQL',
  },
  {
    date: '2026-09-24',
    releases: { '8.2': '8.2.34', '8.3': '8.3.35', '8.4': '8.4.26', '8.5': '8.5.11' },
    cves: [
      'CVE-2025-1218',
      'CVE-2025-14181',
      'CVE-2026-6103',
      'CVE-2026-91765',
      'CVE-2026-91766',
      'CVE-2026-91767',
      'CVE-2026-91768',
      'CVE-2026-91769',
      'CVE-2026-92842',
      'CVE-2026-93682',
    ],
    fixes: 'IPv6 addresses let in by listen.allowed_clients, SOAP servers crashed by one request',
  },
  {
    date: '2026-10-21',
    releases: { '8.2': '8.2.35', '8.3': '8.3.36', '8.4': '8.4.27', '8.5': '8.5.12' },
    cves: ['CVE-2026-109618', 'CVE-2026-109619'],
    fixes: 'remote code execution on exhausted memory, CVE-2026-109618 and -109619',
  },
  {
    date: '2026-11-18',
    releases: { '8.2': '8.2.36', '8.3': '8.3.37', '8.4': '8.4.28', '8.5': '8.5.13' },
    cves: [
      'CVE-2026-15353',
      'CVE-2026-115560',
      'CVE-2026-126714',
      'CVE-2026-127960',
      'CVE-2026-128064',
      'CVE-2026-128090',
      'CVE-2026-129289',
      'CVE-2026-129291',
      'CVE-2026-129292',
      'CVE-2026-129496',
      'CVE-2026-129506',
      'CVE-2026-129538',
    ],
    fixes: 'request smuggling by an unread body, XSS on the status page',
  },
];

/** End of security support of a branch by php.net, ISO dates (php.net, supported versions). */
export const supportedUntil: Readonly<Record<string, string>> = {
  '7.4': '2022-11-28',
  '8.0': '2023-11-26',
  '8.1': '2025-12-31',
  '8.2': '2026-12-31',
  '8.3': '2027-12-31',
  '8.4': '2028-12-31',
  '8.5': '2029-12-31',
};

/**
 * The releases whose fixes a PHP lacks; empty for a branch without a release in the table.
 *
 * @param version exact version, `8.4.25`
 */
export function missingReleases(version: string): readonly SecurityRelease[] {
  const [major = '', minor = '', patch = ''] = version.split('.');
  return securityReleases.filter(({ releases }) => {
    const release = releases[`${major}.${minor}`];
    return release !== undefined && Number(release.split('.')[2]) > Number.parseInt(patch, 10);
  });
}
