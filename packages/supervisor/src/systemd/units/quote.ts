/**
 * Quotes one word of a command line in a unit (systemd.syntax(7)): `%` starts a specifier and `$` a variable, so
 * both are doubled; quotes and backslashes are escaped as in C.
 */
export function quoteWord(word: string): string {
  const plain = word.replaceAll('%', '%%').replaceAll('$', '$$$$')
  return /^[-\w@%+=:,./$]+$/.test(plain) ? plain : `"${escape(plain)}"`
}

export const quoteCommand = (words: string[]): string => words.map(quoteWord).join(' ')

/** Quotes an assignment for `Environment=`, where `$` has no special meaning. */
export const quoteAssignment = (name: string, value: string): string =>
  `"${escape(`${name}=${value}`.replaceAll('%', '%%'))}"`

/** Escapes a path that is the whole value of a setting, where quotes would become part of the path. */
export const quotePath = (path: string): string => path.replaceAll('%', '%%')

const escape = (text: string): string =>
  text.replaceAll('\\', '\\\\').replaceAll('"', '\\"').replaceAll('\n', '\\n').replaceAll('\t', '\\t')
