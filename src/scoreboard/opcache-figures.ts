/** OPcache's figures as a worker last reported them. Sizes are bytes. */
export interface OpcacheFigures {
  readonly epochMicros: number;
  readonly hits: number;
  readonly misses: number;
  readonly scripts: number;
  readonly keys: number;
  readonly keysLimit: number;
  readonly restarts: { readonly memory: number; readonly keys: number; readonly manual: number };
  readonly memory: { readonly used: number; readonly free: number; readonly wasted: number };
  readonly strings: { readonly used: number; readonly free: number };
}
