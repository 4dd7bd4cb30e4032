/**
 * The bill of materials of a release: npm's own list of the packages at run time, the Node that comes along, and the
 * Debian packages of the image. Source: CycloneDX 1.5 (JSON), package URLs (github.com/package-url/purl-spec).
 */

import { createHash } from 'node:crypto';

interface Component {
  readonly 'bom-ref': string;
  readonly type: string;
  readonly name: string;
  readonly version: string;
  readonly purl: string;
  readonly [key: string]: unknown;
}

interface Dependency {
  readonly ref: string;
  readonly dependsOn: readonly string[];
}

/** As `npm sbom --sbom-format cyclonedx` prints it, as far as it is changed here. */
export interface Bom {
  readonly metadata: { readonly component: Component; readonly [key: string]: unknown };
  readonly components: readonly Component[];
  readonly dependencies: readonly Dependency[];
  readonly [key: string]: unknown;
}

/** A Debian package: name, version, architecture. */
export type DebianPackage = readonly [name: string, version: string, architecture: string];

export interface Parts {
  readonly version: string;
  /** Version of the Node in the packages, `24.21.0`. */
  readonly node: string;
  /** What the .deb wants of the system, by name. */
  readonly wanted: readonly string[];
  /** All packages of the image; empty without one. */
  readonly image: readonly DebianPackage[];
  /** ISO time. */
  readonly at: string;
}

/** npm names the root after its folder, and gives every list a random number: neither belongs into a release. */
export function billOfMaterials(npm: Bom, { version, node, wanted, image, at }: Parts): Bom {
  const root = `hathi@${version}`;
  const runtime: Component = {
    'bom-ref': `node@${node}`,
    type: 'platform',
    name: 'node',
    version: node,
    scope: 'required',
    purl: `pkg:generic/node@${node}`,
    licenses: [{ license: { id: 'MIT' } }],
  };
  const debian = [
    ...image.map(([name, ...rest]) => debianComponent(name, ...rest)),
    ...wanted.filter((name) => !image.some(([known]) => known === name)).map((name) => debianComponent(name)),
  ];
  const components = [
    ...npm.components.filter(({ name }) => name !== 'node' && !name.startsWith('node-')),
    runtime,
    ...debian,
  ];
  const added = [runtime, ...debian].map((component) => component['bom-ref']);
  const dependencies = npm.dependencies.map((dependency) =>
    dependency.ref === root
      ? { ...dependency, dependsOn: [...new Set([...dependency.dependsOn, ...added])] }
      : dependency,
  );
  const main = { ...npm.metadata.component, name: 'hathi', version, type: 'application' };
  const bom = {
    ...npm,
    metadata: { ...npm.metadata, timestamp: at, component: main },
    components,
    dependencies: [...dependencies, ...added.map((ref) => ({ ref, dependsOn: [] }))],
  };
  return { ...bom, serialNumber: serialNumber(JSON.stringify([main, components])) };
}

function debianComponent(name: string, version = '', architecture = ''): Component {
  const at = version === '' ? '' : `@${encodeURIComponent(version)}`;
  const of = architecture === '' ? '' : `?arch=${architecture}`;
  return {
    'bom-ref': `debian/${name}${version === '' ? '' : `@${version}`}`,
    type: 'library',
    name,
    version,
    scope: 'required',
    purl: `pkg:deb/debian/${encodeURIComponent(name)}${at}${of}`,
  };
}

/** A UUID of the content (RFC 9562, version 8), so that the same release has the same number. */
function serialNumber(content: string): string {
  const hex = createHash('sha256').update(content).digest('hex');
  const groups = [hex.slice(0, 8), hex.slice(8, 12), `8${hex.slice(13, 16)}`, `8${hex.slice(17, 20)}`];
  return `urn:uuid:${[...groups, hex.slice(20, 32)].join('-')}`;
}
