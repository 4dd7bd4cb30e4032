/** A ServerProtocol with an application that follows a rule, and the list of everything that happened. */
import { PairsDecoder } from '../../src/fastcgi/pairs.ts';
import { RecordParser } from '../../src/fastcgi/parser.ts';
import { recordType, recordTypeName } from '../../src/fastcgi/records.ts';
import { defaultServerLimits, type ServerLimits } from '../../src/fastcgi/server-api.ts';
import { ServerProtocol } from '../../src/fastcgi/server-protocol.ts';

export const applications = [
  'reads and ends',
  'reads without ending',
  'ends without reading',
  'never reads nor ends',
] as const;
export type Application = (typeof applications)[number];

export class ScriptedApplication {
  readonly events: unknown[] = [];
  readonly protocol: ServerProtocol;

  constructor(application: Application, limits: Partial<ServerLimits> = {}) {
    const events = this.events;
    const all = { ...defaultServerLimits, maxConnections: 7, maxRequests: 9, ...limits };
    this.protocol = new ServerProtocol(
      {
        requestStarted: () => events.push('start'),
        requestAbandoned: () => events.push('abandoned'),
        request: (head) => {
          events.push({ request: { ...head, params: head.params.map((pair) => [...pair]) } });
          if (application.startsWith('reads')) this.protocol.requestBody();
          else if (application === 'ends without reading') this.protocol.finishRequest();
        },
        bodyChunk: (bytes) => this.#addBody(Buffer.from(bytes).toString('latin1')),
        bodyEnd: (complete) => {
          events.push({ bodyEnd: complete });
          if (application === 'reads and ends') this.protocol.finishRequest();
        },
        aborted: () => {
          events.push('aborted');
          this.protocol.finishRequest();
        },
        reply: (bytes, thenClose) => {
          events.push(describeReply(bytes));
          if (thenClose) this.protocol.close();
        },
        failed: (error) => events.push({ failed: error.code }),
      },
      all,
    );
  }

  /** Feeds input and the end of it. @returns events and final phase, as a corpus expectation has them. */
  play(chunks: Iterable<Uint8Array>, inputEnds: boolean): { events: unknown[]; final: string } {
    for (const chunk of chunks) {
      this.protocol.push(chunk);
      this.protocol.run();
    }
    if (inputEnds) this.protocol.endInput();
    this.protocol.run();
    return { events: this.events, final: this.protocol.phase };
  }

  /** How the body was cut depends on the chunks, so its pieces are joined. */
  #addBody(text: string): void {
    const last = this.events.at(-1);
    if (typeof last === 'object' && last !== null && 'body' in last) last.body = `${last.body}${text}`;
    else this.events.push({ body: text });
  }
}

function describeReply(bytes: Uint8Array): unknown {
  const parser = new RecordParser();
  parser.feed(bytes);
  const header = parser.next();
  if (header?.kind !== 'header') throw new Error('Cannot describe a reply: it is no record');
  const next = parser.next();
  const content = next?.kind === 'content' ? next.bytes : new Uint8Array(0);
  const { type, id } = header.header;
  if (type === recordType.endRequest) return { reply: `END_REQUEST id=${id} status=${content[4]}` };
  if (type === recordType.unknownType) return { reply: `UNKNOWN_TYPE ${content[0]}` };
  if (type !== recordType.getValuesResult) return { reply: recordTypeName(type) };
  const decoder = new PairsDecoder({ bytes: 1000, count: 10 });
  decoder.push(content);
  return { values: Object.fromEntries(decoder.pairs) };
}
