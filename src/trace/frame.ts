/** What a PHP stack that was read from outside its process looks like to everybody who shows one. */

/** One call. `{main}` is the request's script itself. */
export interface StackFrame {
  /** Name of the function; closures are `{closure:FILE:LINE}`, included files `include`, `require` and so on. */
  readonly function: string;
  /** The class that the method is declared in; absent for functions. */
  readonly class?: string;
  /** Where it is executing: for a function of PHP itself the place that called it. Empty when that is unknown. */
  readonly file: string;
  readonly line: number;
}

/** Innermost call first; or why there is none, in words for the operator. */
export type Stack = { readonly frames: readonly StackFrame[] } | { readonly reason: string };
