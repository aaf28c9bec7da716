// What the documentation shows must work: TypeScript is compiled, configurations are read, commands and their
// options exist, links lead somewhere.
import { execFileSync } from 'node:child_process'
import { existsSync, mkdirSync, mkdtempSync, readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { dirname, join, resolve } from 'node:path'
import { validateConfig } from '../packages/supervisor/dist/config/validate.js'
import { parseJson, parseYaml } from '../packages/supervisor/dist/config/load/parse.js'

const root = new URL('..', import.meta.url).pathname
const pages = [
  ...readdirSync(root).filter((name) => name.endsWith('.md')),
  ...readdirSync(join(root, 'docs')).map((name) => join('docs', name)),
  ...['process', 'supervisor'].map((name) => join('packages', name, 'README.md')),
].filter((page) => page.endsWith('.md'))
const problems = []
const programs = []
const helps = new Map()
let examples = 0

for (const page of pages) {
  const text = readFileSync(join(root, page), 'utf8')
  for (const { language, code, line } of blocks(text)) {
    const where = `${page}:${line}`
    if (language === 'ts') programs.push({ where, code })
    if (['yaml', 'json'].includes(language) && /^\s*"?services"?:/m.test(code))
      checkConfig(where, language, code)
    if (language === 'sh') for (const command of code.split('\n')) checkCommand(where, command)
    examples += 1
  }
  for (const [, link, heading] of text.matchAll(/\]\(([^)#\s]*)(?:#([^)\s]*))?\)/g)) {
    if (link.includes(':')) continue
    const target = link === '' ? join(root, page) : resolve(root, dirname(page), link)
    if (!existsSync(target)) problems.push(`${page}: the link "${link}" leads nowhere`)
    else if (heading !== undefined && !headings(target).includes(heading))
      problems.push(`${page}: "${link}" has no heading "#${heading}"`)
  }
}
compile(programs)

for (const problem of problems) console.error(problem)
console.log(`${examples} examples on ${pages.length} pages, ${problems.length} problems`)
process.exit(problems.length === 0 ? 0 : 1)

function* blocks(text) {
  for (const match of text.matchAll(/^```(\w*)\n([\s\S]*?)^```$/gm))
    yield { language: match[1], code: match[2], line: text.slice(0, match.index).split('\n').length }
}

/** The names under which GitHub links to the headings of a page. */
function headings(page) {
  const titles = [...readFileSync(page, 'utf8').matchAll(/^#+ (.*)$/gm)].map(([, title]) => title)
  return titles.map((title) =>
    title
      .toLowerCase()
      .replace(/[^\p{L}\p{N} _-]/gu, '')
      .replaceAll(' ', '-'),
  )
}

function checkConfig(where, language, code) {
  const parsed = language === 'yaml' ? parseYaml(code, where) : parseJson(code, where)
  const config = parsed.ok
    ? validateConfig(parsed.value.input, { file: null, folder: root, locate: (path) => path.join('.') })
    : parsed
  // An example's files are not here; everything else about it must be right.
  if (
    !config.ok &&
    !/does not exist|is not there|was not found|no file|no folder/.test(config.failure.message)
  )
    problems.push(`${where}: ${config.failure.message}`)
}

function checkCommand(where, line) {
  const [, name, rest] = /^handover (\w+)(.*)$/.exec(line.replace(/\s#.*$/, '')) ?? []
  if (name === undefined) return
  const words = commandWords(name, rest)
  const help = helpOf(words)
  if (help === null) return problems.push(`${where}: there is no command "handover ${words}"`)
  for (const [flag] of rest.split(' -- ')[0].matchAll(/(?<=\s)--?[a-z][-a-z]*/g))
    if (!new RegExp(`(^|[\\s,])${flag}([\\s,]|$)`, 'm').test(help))
      problems.push(`${where}: "handover ${words}" has no option "${flag}"`)
}

/** `kubernetes render`: a command that has commands of its own is written with one of them. */
function commandWords(name, rest) {
  return /^Commands:$/m.test(helpOf(name) ?? '') ? `${name}${/^ [a-z]+/.exec(rest)?.[0] ?? ''}` : name
}

function helpOf(name) {
  if (!helps.has(name)) {
    try {
      const bin = join(root, 'packages/supervisor/bin/handover.js')
      helps.set(
        name,
        execFileSync(process.execPath, [bin, ...name.split(' '), '--help'], {
          encoding: 'utf8',
          stdio: 'pipe',
        }),
      )
    } catch {
      helps.set(name, null)
    }
  }
  return helps.get(name)
}

/** Inside the supervisor's package, so that both packages are found by name. */
function compile(programs) {
  const parent = join(root, 'packages/supervisor/dist-test')
  mkdirSync(parent, { recursive: true })
  const folder = mkdtempSync(join(parent, 'docs-'))
  try {
    const files = programs.map(({ code }, index) => {
      const file = join(folder, `example-${index}.ts`)
      writeFileSync(file, code)
      return file
    })
    if (files.length === 0) return
    const tsc = join(root, 'node_modules/typescript/bin/tsc')
    const options = [
      '--ignoreConfig',
      '--noEmit',
      '--strict',
      '--module',
      'nodenext',
      '--target',
      'es2023',
      '--types',
      'node',
      '--skipLibCheck',
    ]
    execFileSync(process.execPath, [tsc, ...options, ...files], {
      stdio: 'pipe',
      encoding: 'utf8',
      cwd: root,
    })
  } catch (error) {
    const said = String(error.stdout ?? error)
    for (const line of said.split('\n').filter((text) => text.includes('error')))
      problems.push(line.replace(/^.*example-(\d+)\.ts/, (_, index) => programs[index].where))
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}
