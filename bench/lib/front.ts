/** One nginx in front of both servers, each reached under an address of its own. */
import { startNginx } from '../../tests/harness/nginx.ts';
import type { Server } from '../../tests/harness/server.ts';
import type { WebServer } from '../../tests/harness/web-server.ts';

/** A way from nginx to a pool. */
export interface Route {
  readonly pool: string;
  /** TCP port of the pool on 127.0.0.1, in place of its Unix socket. */
  readonly port?: (server: Server) => number;
  /** Document root below the server's folder. */
  readonly root: string;
  /** fastcgi_keep_conn, with so many connections at rest for each process of nginx. */
  readonly keep?: number;
}

function block(route: Route, server: Server, address: string, name: string): string {
  const keepalive = route.keep === undefined ? '' : `keepalive ${route.keep};`;
  const pool =
    route.port === undefined ? `unix:${server.socket(route.pool)}` : `127.0.0.1:${route.port(server)}`;
  return `upstream ${name} { server ${pool}; ${keepalive} }
server {
listen ${address};
root ${server.folder.join(route.root)};
client_max_body_size 8m;
client_body_buffer_size 256k;
fastcgi_buffers 16 64k;
fastcgi_buffer_size 64k;
fastcgi_busy_buffers_size 256k;
fastcgi_max_temp_file_size 0;
location ~ \\.php$ {
fastcgi_pass ${name};
${route.keep === undefined ? '' : 'fastcgi_keep_conn on;'}
fastcgi_param SCRIPT_FILENAME $document_root$fastcgi_script_name;
include /etc/nginx/fastcgi_params;
}
}`;
}

export class Front<Name extends string> implements AsyncDisposable {
  readonly #nginx: WebServer;
  readonly #addresses: ReadonlyMap<Server, Readonly<Record<Name, string>>>;

  private constructor(nginx: WebServer, addresses: ReadonlyMap<Server, Readonly<Record<Name, string>>>) {
    this.#nginx = nginx;
    this.#addresses = addresses;
  }

  /** Starts it with every route to every server. */
  static async start<Name extends string>(
    servers: readonly Server[],
    routes: Readonly<Record<Name, Route>>,
  ): Promise<Front<Name>> {
    const named = Object.entries(routes) as [Name, Route][];
    const addresses = new Map<Server, Record<Name, string>>();
    const nginx = await startNginx((port) => {
      const blocks: string[] = [];
      for (const [index, server] of servers.entries()) {
        const own = named.map(([name, route], at) => {
          const address = `127.0.${at + 1}.${index + 1}:${port}`;
          blocks.push(block(route, server, address, `${name}_${index}`));
          return [name, address] as const;
        });
        addresses.set(server, Object.fromEntries(own) as Record<Name, string>);
      }
      return blocks.join('\n');
    });
    return new Front(nginx, addresses);
  }

  /** URL of a path on one of the servers. */
  url(server: Server, route: Name, path: string): string {
    const address = this.#addresses.get(server)?.[route];
    if (address === undefined) throw new Error(`no route "${route}" to ${server.kind}`);
    return `http://${address}/${path}`;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#nginx[Symbol.asyncDispose]();
  }
}
