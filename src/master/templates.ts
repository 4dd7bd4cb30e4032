/**
 * The templates of a master: one for each PHP build with its ini files, started when its first host is needed. A reload
 * starts new ones, since ini files and PHP itself may have changed; an earlier template ends with its last host.
 */

import type { HostCommand } from '../engine/engine-command.ts';
import {
  executeHost,
  forkHost,
  type HostDescriptors,
  type HostLife,
  type LifeListener,
} from '../generation/host-life.ts';
import type { PreparedPool, ReloadScope } from '../generation/prepared-pool.ts';
import { type TemplateEvent, TemplateProcess } from '../generation/template-process.ts';
import type { ErrorLog } from '../log/error-log.ts';
import type { LivenessRule } from '../pool/liveness.ts';
import { filesState } from './pool-fingerprint.ts';

/** Origin of a template. */
interface Origin {
  /** Files of PHP, the engine and the ini files, at its start. */
  readonly files: readonly string[];
  readonly state: string;
}

interface Entry {
  readonly process: TemplateProcess;
  readonly origin: Origin;
}

const phpValues: readonly string[] = ['php_value', 'php_admin_value'];
/** Settings that PHP's start depends on; a template receives them, its hosts have them already. */
const startSettings: readonly string[] = ['php.ini', 'php.define'];

export class Templates {
  readonly #log: ErrorLog;
  readonly #env: NodeJS.ProcessEnv;
  /** By program and ini files. */
  readonly #current = new Map<string, Entry>();
  /** From earlier reloads, with running hosts. */
  readonly #retired = new Set<TemplateProcess>();

  constructor(log: ErrorLog, env: NodeJS.ProcessEnv) {
    this.#log = log;
    this.#env = env;
  }

  /**
   * Later hosts come from new templates.
   *
   * @param scope `changed`: only where a file of a template has changed since
   */
  renew(scope: ReloadScope): void {
    for (const [key, { process, origin }] of this.#current) {
      if (scope === 'changed' && filesState(origin.files) === origin.state) continue;
      this.#current.delete(key);
      this.#retired.add(process);
    }
    this.#closeUnused();
  }

  /** Once a second: abandons one that does not answer; the next host starts another. */
  watch(rule: LivenessRule, now: number): void {
    for (const template of [...[...this.#current.values()].map(({ process }) => process), ...this.#retired]) {
      template.watch(rule, now);
    }
  }

  /** Starts a host: by fork if its engine can and its pool does not require a separate start. */
  startHost(pool: PreparedPool, descriptors: HostDescriptors, listener: LifeListener): HostLife {
    const program = templateProgram(pool);
    if (program === undefined) return executeHost(pool.command, descriptors, this.#env, listener);
    const onExit: LifeListener['onExit'] = (code, signal) => {
      listener.onExit(code, signal);
      this.#closeUnused();
    };
    const template = this.#templateOf(pool, program);
    return forkHost(template, descriptors, { ...listener, onExit }, !changesOpcache(pool));
  }

  /**
   * Prepares the template of the pool's next host, if it comes from one, and in it a host with started PHP: a client
   * will wait for it.
   *
   * @param done called in a later turn of the event loop, with the reason if PHP cannot start
   */
  prepare(pool: PreparedPool, done: (failure: string | undefined) => void): void {
    const program = templateProgram(pool);
    if (program === undefined) setImmediate(() => done(undefined));
    else {
      const template = this.#templateOf(pool, program);
      template.keepSpare();
      template.whenReady(done);
    }
  }

  /** Ends all of them; running hosts continue. */
  close(): void {
    this.renew('all');
    for (const template of this.#retired) template.close();
  }

  #templateOf(pool: PreparedPool, program: HostCommand): TemplateProcess {
    const settings = pool.settings.filter(([name]) => startSettings.includes(name));
    const key = JSON.stringify([program.file, program.args, settings]);
    const known = this.#current.get(key);
    if (known !== undefined) return known.process;
    const template: TemplateProcess = new TemplateProcess({
      command: program,
      settings,
      env: this.#env,
      onEvent: (event) => this.#onEvent(key, template, event),
    });
    const files = [
      ...pool.command.parts,
      ...settings.filter(([name]) => name === 'php.ini').map(([, path]) => path),
    ];
    this.#current.set(key, {
      process: template,
      origin: { files, state: filesState(files) },
    });
    return template;
  }

  #onEvent(key: string, template: TemplateProcess, event: TemplateEvent): void {
    const name = `template ${template.pid}`;
    switch (event.type) {
      case 'ready':
        return this.#log.debug(`${name} is ready: PHP ${event.facts.php}`);
      case 'chatter':
        for (const line of event.text.split('\n').filter((part) => part !== '')) {
          this.#log.warning(`${name} said into ${event.stream}: "${line}"`);
        }
        return;
      case 'lost': {
        const isExpected = this.#retired.delete(template);
        if (this.#current.get(key)?.process === template) this.#current.delete(key);
        if (!isExpected)
          this.#log.alert(`${name} is gone: ${event.reason}; its hosts go on, the next host starts another`);
        return;
      }
      default:
        throw new Error(`no handler for the event ${JSON.stringify(event satisfies never)}`);
    }
  }

  #closeUnused(): void {
    for (const template of this.#retired) {
      if (template.hostCount === 0) template.close();
    }
  }
}

/** OPcache reads its settings at its start: a pool's host with settings of its own starts before that. */
function changesOpcache({ settings }: PreparedPool): boolean {
  return settings.some(([name, value]) => phpValues.includes(name) && value.startsWith('opcache.'));
}

function templateProgram({ config, command }: PreparedPool): HostCommand | undefined {
  return config['engine.start'] === 'fork' ? command.template : undefined;
}
