/** The manifests of deploy/kubernetes. No cluster runs here: what is checked is what can be without one. */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { suite, test } from 'node:test';
import { requires } from '../harness/debian.ts';
import { TestFolder } from '../harness/folder.ts';
import { isRoot, run, serverCommand } from '../harness/server.ts';
import { type Autoscaler, isModern, type Manifest, rendered, replay, typeErrors } from './kubernetes.ts';

const isCapable = requires('kubernetes-client') === false && (await isModern());
const overlays = [
  'overlays/nginx-sidecar',
  'overlays/keda',
  'overlays/prometheus',
  'overlays/openshift',
] as const;
/** Folders that this machine's kubectl can render. */
const folders = ['base', ...(isCapable ? overlays : [])];

/** How it was recorded is in the file, and scripts/record-flash-crowd.ts does it again. */
const recorded = JSON.parse(readFileSync(join(import.meta.dirname, 'flash-crowd.json'), 'utf8')) as {
  readonly workers: number;
  readonly saturation: readonly number[];
};

/** The pod of the manifests. */
const crowdedPod = { workers: 8, target: 0.6, startSeconds: 10 };

/** How often the number goes up after it went down, or down after it went up; the first way counts as well. */
function turnsOf(pods: readonly number[]): number {
  const moves = pods.flatMap((count, index) => Math.sign(count - (pods[index - 1] ?? count)) || []);
  return moves.filter((way, index) => way !== moves[index - 1]).length;
}

function steps(pods: readonly number[]): string {
  return pods.flatMap((count, at) => (count === pods[at - 1] ? [] : `${at} s: ${count}`)).join(', ');
}

interface PodSpec {
  readonly terminationGracePeriodSeconds: number;
  readonly securityContext: Readonly<Record<string, unknown>>;
  readonly containers: readonly {
    readonly name: string;
    readonly securityContext: Readonly<Record<string, unknown>>;
    readonly ports: readonly { readonly name: string; readonly containerPort: number }[];
  }[];
}

function podOf(manifests: readonly Manifest[]): PodSpec {
  const deployment = manifests.find(({ kind }) => kind === 'Deployment');
  assert.ok(deployment !== undefined);
  return (deployment.spec as { template: { spec: PodSpec } }).template.spec;
}

function configurationOf(manifests: readonly Manifest[]): Readonly<Record<string, string>> {
  const map = manifests.find(({ kind, data }) => kind === 'ConfigMap' && data?.['hathi.conf'] !== undefined);
  return map?.data ?? {};
}

const seconds = (text: string | undefined, name: string): number =>
  Number(new RegExp(`^${name.replaceAll('.', '\\.')} *= *(\\d+)s?$`, 'm').exec(text ?? '')?.[1] ?? 0);

suite('deploy/kubernetes', { skip: requires('kubernetes-client') }, () => {
  test('everything renders, and is of the types of its kind', async (t) => {
    if (!isCapable) t.diagnostic('this kubectl renders the base alone: the overlays are not tested');
    const all = (await Promise.all(folders.map(rendered))).flat();
    assert.equal(await typeErrors(all), '');
    // The check can fail.
    const [deployment] = all.filter(({ kind }) => kind === 'Deployment');
    const wrong = { ...deployment, spec: { ...(deployment?.spec as unknown as object), replica: 3 } };
    assert.match(await typeErrors([wrong as unknown as Manifest]), /replica/);
  });

  for (const folder of folders) {
    test(`${folder}: the configuration is valid, and the pod lives as long as it takes to leave`, async () => {
      const manifests = await rendered(folder);
      const files = configurationOf(manifests);
      const { terminationGracePeriodSeconds, containers, securityContext } = podOf(manifests);
      const global = files['hathi.conf'];
      const request = seconds(files['www.conf'], 'request_terminate_timeout');
      const drain = Math.max(seconds(global, 'process_control_timeout'), request);
      assert.ok(drain > 0 && seconds(global, 'shutdown.delay') > 0);
      assert.ok(terminationGracePeriodSeconds >= seconds(global, 'shutdown.delay') + drain + 5);
      assert.equal(securityContext['runAsNonRoot'], true);
      for (const { name, securityContext: own } of containers) {
        assert.equal(own['readOnlyRootFilesystem'], true, name);
        assert.equal(own['allowPrivilegeEscalation'], false, name);
      }

      using place = new TestFolder();
      for (const [name, text] of Object.entries(files)) {
        // The paths of the container are below the folder of the test here.
        place.write(
          name,
          text
            .replaceAll('/etc/hathi/', `${place.path}/`)
            .replaceAll('/run/hathi/', `${place.path}/`)
            .replaceAll('/proc/self/fd/2', place.join('log')),
        );
      }
      const options = isRoot ? ['-R'] : [];
      const tested = await run(serverCommand(), [...options, '-t', '-y', place.join('hathi.conf')]);
      assert.equal(tested.code, 0, tested.stderr);
      const metrics = containers
        .find(({ name }) => name === 'hathi')
        ?.ports.find(({ name }) => name === 'metrics');
      assert.match(global ?? '', new RegExp(`metrics\\.listen = 0\\.0\\.0\\.0:${metrics?.containerPort}\\b`));
    });
  }

  test('web servers of the namespace reach FastCGI, and the policy is about Hathi only', async () => {
    const policy = (await rendered('base')).find(({ kind }) => kind === 'NetworkPolicy');
    assert.ok(policy !== undefined);
    const { podSelector, ingress } = policy.spec as {
      podSelector: unknown;
      ingress: readonly { from?: readonly unknown[] }[];
    };
    assert.deepEqual(podSelector, { matchLabels: { 'app.kubernetes.io/name': 'hathi' } });
    assert.deepEqual(ingress[0]?.from, [
      { podSelector: { matchLabels: { 'app.kubernetes.io/component': 'web-server' } } },
    ]);
  });

  test('OpenShift: no user id is named', async () => {
    // An older kubectl renders the base alone.
    if (!isCapable) return;
    const { securityContext } = podOf(await rendered('overlays/openshift'));
    for (const name of ['runAsUser', 'runAsGroup', 'fsGroup']) assert.equal(securityContext[name], undefined);
  });

  test('scaling follows a recorded flash crowd within two minutes, and does not flap', async () => {
    const manifests = await rendered('base');
    const rules = manifests.find(({ kind }) => kind === 'HorizontalPodAutoscaler')
      ?.spec as unknown as Autoscaler;
    const { workers, saturation } = recorded;
    const demand = saturation.map((level) => level * workers);
    // Its last two minutes are rest: they are repeated until the autoscaler has had time to go back.
    const rest = demand.slice(-120);
    const { pods } = replay([...demand, ...Array.from({ length: 8 }, () => rest).flat()], crowdedPod, rules);
    const begin = demand.findIndex((busy) => busy > 24);
    const crowd = demand.slice(begin + 30, begin + 180);
    const enough = Math.ceil(crowd.reduce((sum, busy) => sum + busy) / crowd.length / crowdedPod.workers);
    const followed = pods.findIndex((count, second) => second > begin && count >= enough) - begin;
    assert.ok(enough > 3 && followed >= 0 && followed <= 120, `${enough} pods after ${followed} s`);
    // Up, down, and never up again: a pod that is taken away is not missed a minute later.
    const turns = turnsOf(pods);
    assert.ok(turns <= 2, `${turns} turns: ${steps(pods)}`);
    assert.ok((pods.at(-1) ?? 99) <= 3, `back to what the rest needs: ${steps(pods)}`);
    // The rules for going up alone, both ways, would flap.
    const { scaleUp } = rules.behavior;
    const hasty = { scaleUp, scaleDown: scaleUp };
    assert.ok(turnsOf(replay(demand, crowdedPod, { ...rules, behavior: hasty }).pods) > 2);
  });

  test('scaling follows a flash crowd within two minutes, and does not flap', async () => {
    const manifests = await rendered('base');
    const autoscaler = manifests.find(({ kind }) => kind === 'HorizontalPodAutoscaler');
    const rules = autoscaler?.spec as unknown as Autoscaler;
    const pod = { workers: 8, target: 0.6, startSeconds: 10 };
    const steady = (value: number, length: number) => Array.from({ length }, () => value);
    // Ten minutes of rest, a crowd of eight times the load for ten minutes, rest again.
    const crowd = replay([...steady(8, 600), ...steady(64, 600), ...steady(8, 1800)], pod, rules);
    const enough = Math.ceil(64 / 8);
    const followed = crowd.pods.findIndex((count, second) => second >= 600 && count >= enough) - 600;
    assert.ok(followed >= 0 && followed <= 120, `${followed} s`);
    assert.ok(Math.max(...crowd.pods) <= rules.maxReplicas);
    assert.ok((crowd.pods.at(-1) ?? 99) <= 3, 'back to what the rest needs');
    // A load that swings by a fifth moves nothing but once.
    const swing = Array.from({ length: 3600 }, (_, second) => 24 + 4.8 * Math.sin(second / 30));
    const { pods } = replay(swing, pod, rules);
    const settled = pods.slice(900);
    const changes = settled.filter((count, index) => index > 0 && count !== settled[index - 1]).length;
    assert.ok(changes <= 2, `${changes} changes`);
  });
});
