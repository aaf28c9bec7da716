/**
 * One word of a command line in a unit (systemd.syntax(7)): `%` begins a specifier and `$` a variable, each is
 * itself when doubled; quotes and backslashes are as in C.
 */
export function quoteWord(word: string): string {
  const plain = word.replaceAll('%', '%%').replaceAll('$', '$$$$')
  return /^[-\w@%+=:,./$]+$/.test(plain) ? plain : `"${escape(plain)}"`
}

export const quoteCommand = (words: string[]): string => words.map(quoteWord).join(' ')

/** `Environment=` takes whole assignments in quotes; `$` is itself there. */
export const quoteAssignment = (name: string, value: string): string =>
  `"${escape(`${name}=${value}`.replaceAll('%', '%%'))}"`

/** A path that is the whole of a setting's value: quotes would be part of it. */
export const quotePath = (path: string): string => path.replaceAll('%', '%%')

const escape = (text: string): string =>
  text.replaceAll('\\', '\\\\').replaceAll('"', '\\"').replaceAll('\n', '\\n').replaceAll('\t', '\\t')
