// Two rules about imports inside a package: a room imports only what its table allows, and no import closes a circle.
import { relative } from 'node:path'
import { circle, importGraph, roomOf, target } from './import-graph.mjs'

const graphs = new Map()

/** Options: `folder`, an absolute path, and `rooms`, from a room's name to the names of those that it may import. */
const allowed = rule((context, { folder, rooms }, file) => {
  const room = roomOf(rooms, file)
  return {
    Program(node) {
      if (room === null)
        context.report({ node, message: `"${file}" is in no room of the table in eslint.config.js` })
    },
    ...onImport((node, specifier) => {
      const imported = target(folder, file, specifier)
      const other = imported === null ? null : roomOf(rooms, imported)
      if (room !== null && other !== null && other !== room && !rooms[room].includes(other))
        context.report({
          node,
          message: `"${room}" may not import "${other}": see the table in eslint.config.js`,
        })
    }),
  }
})

/** Options: `folder`, an absolute path. Counts imports of types as well. */
const noCircle = rule((context, { folder }, file) => {
  if (!graphs.has(folder)) graphs.set(folder, importGraph(folder))
  return onImport((node, specifier) => {
    const imported = target(folder, file, specifier)
    const steps = imported === null ? null : circle(graphs.get(folder), file, imported)
    if (steps !== null) context.report({ node, message: `this import closes a circle: ${steps.join(' > ')}` })
  })
})

export default { rules: { allowed, 'no-circle': noCircle } }

function rule(listeners) {
  return {
    meta: { type: 'problem', schema: [{ type: 'object' }] },
    create: (context) =>
      listeners(context, context.options[0], relative(context.options[0].folder, context.filename)),
  }
}

/** Every way to name another file: static, exported again, dynamic, and as a type. */
function onImport(visit) {
  const source = (node) => typeof node.source?.value === 'string' && visit(node, node.source.value)
  return {
    ImportDeclaration: source,
    ExportNamedDeclaration: source,
    ExportAllDeclaration: source,
    ImportExpression: source,
    TSImportType: source,
  }
}
