/** Name of the function on the global object of every PHP thread; see interrupts.ts. */
export const checkFunction = 'hathiCheckTimeLimit';
