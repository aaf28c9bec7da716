// Fails where a word of words.mjs stands in a source file or a page. `words: off` in a comment of Markdown, and
// `words: on`, are around a quotation.
import { readdirSync, readFileSync } from 'node:fs'
import { join, relative } from 'node:path'
import { fileURLToPath } from 'node:url'
import { forbiddenWords } from './words.mjs'

const root = fileURLToPath(new URL('..', import.meta.url))
const passedOver = ['node_modules', 'dist', 'dist-test', '.git', 'traces', 'manifests']
const themselves = ['scripts/words.mjs']
const betweenWords = String.raw`(?:\s|\n\s*(?://|\*|#))+`

const patterns = forbiddenWords.map(([words, instead]) => ({
  pattern: new RegExp(`(?<![\\w'])${inEitherCase(words).replaceAll(' ', betweenWords)}(?![\\w'])`, 'g'),
  instead,
}))

let files = 0
let problems = 0
for (const path of sources(root)) {
  files += 1
  const text = withoutQuotations(readFileSync(path, 'utf8'))
  for (const { pattern, instead } of patterns)
    for (const match of text.matchAll(pattern)) {
      problems += 1
      const line = text.slice(0, match.index).split('\n').length
      console.error(
        `${relative(root, path)}:${line}: "${match[0].trim().replace(/\s+/g, ' ')}", wanted ${instead}`,
      )
    }
}
console.log(`words: ${files} files, ${problems} problems`)
process.exit(problems === 0 ? 0 : 1)

function* sources(folder) {
  for (const entry of readdirSync(folder, { withFileTypes: true })) {
    if (passedOver.includes(entry.name)) continue
    const path = join(folder, entry.name)
    if (entry.isDirectory()) yield* sources(path)
    else if (/\.(ts|js|mjs|cjs|md)$/.test(entry.name) && !themselves.includes(relative(root, path)))
      yield path
  }
}

/** Keeps the line breaks, so that lines are counted right. */
function withoutQuotations(text) {
  return text.replace(/<!-- words: off -->[\s\S]*?<!-- words: on -->/g, (quotation) =>
    quotation.replace(/[^\n]/g, ''),
  )
}

/** The first letter, at the beginning of a sentence; "Go on Linux" is about a language. */
function inEitherCase(words) {
  return words.replace(/^[a-z]/, (letter) => `[${letter.toUpperCase()}${letter}]`)
}
