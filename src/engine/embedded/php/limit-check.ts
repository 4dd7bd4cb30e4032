/** Name of the function that every PHP thread offers on its global object; see interrupts.ts. */
export const checkFunction = 'hathiCheckTimeLimit';
