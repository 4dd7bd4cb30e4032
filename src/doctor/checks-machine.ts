/** The configuration as a whole, Node, and kernel limits. */

import { asBinary, decodeBinary } from '../text/binary.ts';
import type { Facts } from './facts.ts';
import type { Check, Sighting } from './finding.ts';
import { fpmManual } from './sources.ts';

/** End of support of Node's branches, ISO dates (github.com/nodejs/release, schedule.json). */
const nodeUntil: Readonly<Record<string, string>> = {
  '18': '2025-04-30',
  '20': '2026-04-30',
  '22': '2027-04-30',
  '23': '2025-06-01',
  '24': '2028-04-30',
  '25': '2026-06-01',
  '26': '2029-04-30',
};

/** Descriptors that each pool needs in the master, and that the master itself needs; see config/descriptors.ts. */
const filesOfMaster = 40;
const filesOfPool = 12;

function lookAtProblems({ problems, file }: Facts): Sighting[] {
  return problems.flatMap(({ level, text, detail = [] }): Sighting[] => {
    const isRefusal = level === 'error' || level === 'alert';
    if (!isRefusal && level !== 'warning') return [];
    return [
      {
        subject: file,
        seen: decodeBinary(asBinary(text)),
        mend:
          detail.length > 0 ? detail.map((line) => decodeBinary(asBinary(line))) : [`hathi -tt -y ${file}`],
        severity: isRefusal ? 'critical' : 'advice',
      },
    ];
  });
}

function lookAtNode({ machine: { node }, now }: Facts): Sighting[] {
  const until = nodeUntil[node.split('.')[0] ?? ''];
  if (until === undefined || new Date(now).toISOString().slice(0, 10) <= until) return [];
  return [
    {
      subject: `Node ${node}`,
      seen: `the support of Node ${node.split('.')[0]} ended on ${until}`,
      mend: ['Install a Node that is supported, or set HATHI_NODE to one'],
    },
  ];
}

function lookAtFiles({ machine: { openFiles }, pools }: Facts): Sighting[] {
  const least = filesOfMaster + filesOfPool * pools.length;
  if (openFiles === undefined || openFiles >= least) return [];
  return [
    {
      subject: 'the master',
      seen: `it may open ${openFiles} files, and needs ${least} for ${pools.length} pools`,
      mend: ['in [Service] of the unit:', 'LimitNOFILE=65536', 'or in [global]:', 'rlimit_files = 65536'],
    },
  ];
}

export const machineChecks: readonly Check[] = [
  {
    id: 'configuration',
    severity: 'critical',
    title: 'the configuration is refused (critical) or warned about (advice)',
    effect: 'A start is refused; at a reload the running configuration stays in force.',
    source: fpmManual,
    look: lookAtProblems,
  },
  {
    id: 'node-unsupported',
    severity: 'warning',
    title: 'a Node that is out of support',
    effect: "Faults in the master's own runtime stay in it.",
    source: { text: 'Node.js, release schedule', url: 'https://github.com/nodejs/release#release-schedule' },
    look: lookAtNode,
  },
  {
    id: 'open-files',
    severity: 'warning',
    title: "the limit of open files is below the master's need",
    effect: 'The master cannot open sockets, logs or channels of its pools.',
    source: { text: 'getrlimit(2)', url: 'https://man7.org/linux/man-pages/man2/getrlimit.2.html' },
    look: lookAtFiles,
  },
];
