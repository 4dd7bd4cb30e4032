/** The manifests of deploy/kubernetes, rendered and checked against the types of each kind. */
import assert from 'node:assert/strict';
import { mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseAllDocuments } from 'yaml';
import { debianPackages } from '../harness/debian.ts';
import { checkout } from '../harness/folder.ts';
import { run } from '../harness/server.ts';

export interface Manifest {
  readonly apiVersion: string;
  readonly kind: string;
  readonly metadata: { readonly name: string };
  // Each kind has a form of its own, which the types of its package check.
  readonly spec: never;
  readonly data?: Readonly<Record<string, string>>;
}

/** Debian 12's kubectl has a kustomize without folders among the resources and without inline patches: it renders the base alone. */
export async function isModern(): Promise<boolean> {
  const { stdout } = await run(debianPackages['kubernetes-client'].probe, [
    'version',
    '--client',
    '--output',
    'json',
  ]);
  const { clientVersion } = JSON.parse(stdout) as { clientVersion: { minor: string } };
  return Number.parseInt(clientVersion.minor, 10) >= 24;
}

/** Output of `kubectl kustomize` for a folder. */
export async function rendered(folder: string): Promise<readonly Manifest[]> {
  const { code, stdout, stderr } = await run(debianPackages['kubernetes-client'].probe, [
    'kustomize',
    join(checkout, 'deploy/kubernetes', folder),
  ]);
  assert.equal(code, 0, stderr);
  return parseAllDocuments(stdout).map((document) => document.toJS() as Manifest);
}

/** Packages with the types of the kinds, by the group of the API. */
const packages: Readonly<Record<string, string>> = {
  'keda.sh': '@kubernetes-models/keda',
  'monitoring.coreos.com': '@kubernetes-models/prometheus-operator',
};

/**
 * Has the compiler compare manifests with the types: what is missing, misspelled or of another type is an error.
 *
 * @returns what it said; empty where all is right
 */
export async function typeErrors(manifests: readonly Manifest[]): Promise<string> {
  const folder = join(checkout, '.cache/kubernetes', String(process.pid));
  mkdirSync(folder, { recursive: true });
  const text = manifests.map(({ apiVersion, kind }, index) => {
    const [group = ''] = apiVersion.split('/');
    const source = `${packages[group] ?? 'kubernetes-models'}/${apiVersion}/${kind}`;
    return `import type { I${kind} as Kind${index} } from '${source}';
const manifest${index}: Kind${index} = ${JSON.stringify(manifests[index], undefined, 1)};
void manifest${index};`;
  });
  writeFileSync(join(folder, 'manifests.ts'), text.join('\n'));
  writeFileSync(
    join(folder, 'tsconfig.json'),
    JSON.stringify({
      compilerOptions: {
        strict: true,
        noEmit: true,
        skipLibCheck: true,
        module: 'esnext',
        moduleResolution: 'bundler',
        types: [],
      },
      files: ['manifests.ts'],
    }),
  );
  const { stdout } = await run(process.execPath, [
    join(checkout, 'node_modules/typescript/bin/tsc'),
    '-p',
    folder,
  ]);
  rmSync(folder, { recursive: true });
  return stdout;
}

/** `autoscaling/v2`, as far as the replay needs it. */
export interface Autoscaler {
  readonly minReplicas: number;
  readonly maxReplicas: number;
  readonly behavior: Readonly<
    Record<
      'scaleUp' | 'scaleDown',
      {
        readonly stabilizationWindowSeconds: number;
        readonly policies: readonly { readonly value: number; readonly periodSeconds: number }[];
      }
    >
  >;
}

/** How often the controller looks, seconds, and what it takes for no difference. */
const syncSeconds = 15;
const tolerance = 0.1;

/**
 * Replays a demand against the rules of a horizontal pod autoscaler (Kubernetes documentation, "Horizontal Pod
 * Autoscaling": algorithm details, scaling policies, stabilization window), for policies in percent.
 *
 * @param demand workers that would be busy if nobody had to wait, a number a second
 * @param workers of a pod
 * @param target of the average saturation
 * @param startSeconds until a new pod is ready
 * @returns pods at each second, and how many seconds the demand was above what they have
 */
export function replay(
  demand: readonly number[],
  { workers, target, startSeconds }: { workers: number; target: number; startSeconds: number },
  { minReplicas, maxReplicas, behavior }: Autoscaler,
): { pods: number[]; overloaded: number } {
  let wanted = minReplicas;
  let waiting = 0;
  const readyAt = Array.from({ length: minReplicas }, () => 0);
  const recommendations: { at: number; pods: number }[] = [];
  const pods: number[] = [];
  let overloaded = 0;
  for (const [second, busy] of demand.entries()) {
    const ready = readyAt.filter((at) => at <= second).length;
    const capacity = ready * workers;
    waiting = Math.max(0, waiting + busy - capacity);
    if (busy + waiting > capacity) overloaded += 1;
    if (second % syncSeconds === 0) {
      const ratio = (Math.min(busy, capacity) + waiting) / capacity / target;
      const raw = Math.abs(ratio - 1) <= tolerance ? ready : Math.ceil(ready * ratio);
      recommendations.push({ at: second, pods: raw });
      wanted = stabilized(recommendations, second, wanted, behavior);
      wanted = Math.max(minReplicas, Math.min(maxReplicas, wanted));
      while (readyAt.length < wanted) readyAt.push(second + startSeconds);
      readyAt.length = wanted;
    }
    pods.push(wanted);
  }
  return { pods, overloaded };
}

function stabilized(
  all: readonly { at: number; pods: number }[],
  now: number,
  current: number,
  { scaleUp, scaleDown }: Autoscaler['behavior'],
): number {
  const within = (seconds: number) => all.filter(({ at }) => at >= now - seconds).map(({ pods }) => pods);
  const up = Math.min(...within(scaleUp.stabilizationWindowSeconds));
  const down = Math.max(...within(scaleDown.stabilizationWindowSeconds));
  const share = ({ policies }: { policies: readonly { value: number; periodSeconds: number }[] }) =>
    Math.max(...policies.map(({ value, periodSeconds }) => (value * syncSeconds) / 100 / periodSeconds));
  if (up > current) return Math.min(up, Math.ceil(current * (1 + share(scaleUp))));
  if (down < current) return Math.max(down, Math.floor(current * (1 - share(scaleDown))));
  return current;
}
