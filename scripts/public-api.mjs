// Lists what the packages export: each name of each entry point with its type, and every type of this repository that
// these use, without the files that declare them. `packages/NAME/api.txt` is the committed list. A difference is a change
// for users.
//
//     node scripts/public-api.mjs            compares
//     node scripts/public-api.mjs --update   writes the lists
import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { join, relative } from 'node:path'
import ts from 'typescript'

const root = new URL('..', import.meta.url).pathname
export const published = ['packages/process', 'packages/supervisor']

/** One sentence for each package whose list is not the committed one. */
export function apiProblems() {
  return published.flatMap((folder) => {
    const file = join(root, folder, 'api.txt')
    const committed = existsSync(file) ? readFileSync(file, 'utf8') : ''
    const found = publicApi(join(root, folder))
    if (committed === found) return []
    return [
      `${relative(root, file)}: the public API changed, run "node scripts/public-api.mjs --update" if it should:`,
      ...differences(committed, found),
    ]
  })
}

/** The list as text, from the declarations in `dist`. */
export function publicApi(folder) {
  const { exports } = JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8'))
  const entries = Object.entries(exports).flatMap(([name, target]) =>
    target.types === undefined ? [] : [[name, join(folder, target.types)]],
  )
  const options = { module: ts.ModuleKind.NodeNext, noLib: true, types: [], noEmit: true }
  const host = ts.createCompilerHost(options)
  const { getSourceFile } = host
  // Nothing of other packages is needed, and reading it takes most of the time.
  host.getSourceFile = (name, ...rest) =>
    name.startsWith(join(folder, 'dist/'))
      ? getSourceFile(name, ...rest)
      : ts.createSourceFile(name, '', ...rest)
  const program = ts.createProgram(
    entries.map(([, file]) => file),
    options,
    host,
  )
  const checker = program.getTypeChecker()
  const resolved = (symbol) =>
    symbol.flags & ts.SymbolFlags.Alias ? checker.getAliasedSymbol(symbol) : symbol
  const isOwn = (node) => node.getSourceFile().fileName.startsWith(join(folder, 'dist/'))

  const exported = new Set()
  const sections = entries.map(([name, file]) => {
    const source = checker.getSymbolAtLocation(program.getSourceFile(file))
    const symbols = source === undefined ? [] : checker.getExportsOfModule(source)
    for (const symbol of symbols) exported.add(resolved(symbol))
    return [`entry ${name}`, ...symbols.map((symbol) => describe(resolved(symbol), symbol.name))]
  })
  const used = new Set(exported)
  for (const symbol of used) for (const other of ownTypesIn(symbol)) used.add(other)
  const internal = [...used]
    .filter((symbol) => !exported.has(symbol))
    .map((symbol) => describe(symbol, symbol.name))
  return [...sections, ['used by them', ...internal]]
    .filter(([, ...lines]) => lines.length > 0)
    .map(([title, ...lines]) => `# ${title}\n\n${lines.sort().join('\n')}\n`)
    .join('\n')

  /** The symbols of this package that the declarations of `symbol` name. */
  function ownTypesIn(symbol) {
    const found = new Set()
    const visit = (node) => {
      if (ts.isIdentifier(node)) {
        const other = checker.getSymbolAtLocation(node)
        const target = other && resolved(other)
        if (target?.declarations?.some((one) => isOwn(one) && ts.isSourceFile(one.parent))) found.add(target)
      }
      ts.forEachChild(node, visit)
    }
    for (const declaration of ownDeclarations(symbol)) visit(declaration)
    return found
  }

  function describe(symbol, name) {
    const texts = ownDeclarations(symbol).map((node) => textOf(node))
    return `${name}: ${texts.join(' ') || 'of another package'}`
  }

  function ownDeclarations(symbol) {
    return (symbol.declarations ?? []).filter((node) => isOwn(node))
  }
}

const printer = ts.createPrinter({ removeComments: true })

/** On one line, without comments, private fields and the paths of inline imports. */
function textOf(node) {
  const statement = ts.isVariableDeclaration(node) ? node.parent.parent : node
  return printer
    .printNode(ts.EmitHint.Unspecified, statement, node.getSourceFile())
    .replace(/^\s*#private;$/gm, '')
    .replace(/^export (declare )?/, '')
    .replace(/import\("\.[^"]*"\)\./g, '')
    .replace(/\s+/g, ' ')
}

function differences(before, after) {
  const [old, now] = [before, after].map((text) => new Set(text.split('\n')))
  return [
    ...[...old].filter((line) => !now.has(line)).map((line) => `  - ${line}`),
    ...[...now].filter((line) => !old.has(line)).map((line) => `  + ${line}`),
  ]
}

if (process.argv[1] === new URL(import.meta.url).pathname) {
  if (process.argv.includes('--update'))
    for (const folder of published)
      writeFileSync(join(root, folder, 'api.txt'), publicApi(join(root, folder)))
  const problems = apiProblems()
  for (const line of problems) console.error(line)
  process.exitCode = problems.length === 0 ? 0 : 1
}
