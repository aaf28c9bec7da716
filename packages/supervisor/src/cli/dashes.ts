/** Splits `handover start -p 3000 -- ./server --flag` at the dashes: what follows belongs to the service. */
export function splitAtDashes(args: string[]): [own: string[], after: string[] | null] {
  const at = args.indexOf('--')
  return at === -1 ? [args, null] : [args.slice(0, at), args.slice(at + 1)]
}
