/** A PHP stack, read from outside its process. */

/** One call. `{main}` is the request's script. */
export interface StackFrame {
  /** Function name; closures are `{closure:FILE:LINE}`, included files `include`, `require` and so on. */
  readonly function: string;
  /** The class that declares the method; absent for functions. */
  readonly class?: string;
  /** The place being executed; for PHP's own functions, the place of the call. Empty when unknown. */
  readonly file: string;
  readonly line: number;
}

/** Innermost call first; or the reason why it is missing, for the operator. */
export type Stack = { readonly frames: readonly StackFrame[] } | { readonly reason: string };
