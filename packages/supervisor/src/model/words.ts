import type { Result } from './failure.js'
import { failed, ok } from './failure.js'

/** Characters that have a special meaning to a shell unless they are quoted (POSIX.1-2017, XCU 2.2 and 2.6). */
const shellOnly = new Set('|&;<>()$`*?[~#\n')

/** The characters that are also special within double quotes. */
const shellInQuotes = new Set('$`')

const blank = new Set(' \t')

/**
 * Splits a command line into words at blanks, with quotes and backslashes as in a shell. Fails with `Usage` if the
 * line needs a real shell (pipes, variables, patterns), so that no part of it is silently taken literally.
 */
export function splitWords(line: string): Result<string[]> {
  const words: string[] = []
  let word: string | null = null
  for (let at = 0; at < line.length; at += 1) {
    const char = line.charAt(at)
    if (blank.has(char)) {
      if (word !== null) words.push(word)
      word = null
    } else if (char === '"' || char === "'") {
      const quoted = readQuoted(line, at)
      if (!quoted.ok) return quoted
      word = (word ?? '') + quoted.value.text
      at = quoted.value.end
    } else if (char === '\\') {
      at += 1
      if (at === line.length) return failed('Usage', `"${line}" ends in a backslash`)
      word = (word ?? '') + line.charAt(at)
    } else if (isShellOnly(char, word)) {
      return needsShell(line, char)
    } else {
      word = (word ?? '') + char
    }
  }
  if (word !== null) words.push(word)
  return words.length > 0 ? ok(words) : failed('Usage', `"${line}" holds no word`)
}

/** `~` and `#` are special only at the start of a word. */
const isShellOnly = (char: string, word: string | null): boolean =>
  shellOnly.has(char) && !((char === '~' || char === '#') && word !== null)

function readQuoted(line: string, start: number): Result<{ text: string; end: number }> {
  const quote = line.charAt(start)
  let text = ''
  for (let at = start + 1; at < line.length; at += 1) {
    const char = line.charAt(at)
    if (char === quote) return ok({ text, end: at })
    if (quote === '"' && shellInQuotes.has(char)) return needsShell(line, char)
    if (quote === '"' && char === '\\' && '"\\$`'.includes(line.charAt(at + 1))) at += 1
    text += line.charAt(at)
  }
  return failed('Usage', `"${line}" has a ${quote} that is never closed`)
}

const needsShell = (line: string, char: string) =>
  failed('Usage', `"${line}" needs a shell for "${char === '\n' ? '\\n' : char}"`)
