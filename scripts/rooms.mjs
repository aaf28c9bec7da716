// The shape of both packages in figures: `node scripts/rooms.mjs [packages/NAME]`.
import { readFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { circle, importGraph } from './lint/import-graph.mjs'

const root = new URL('..', import.meta.url).pathname
const chosen = process.argv.slice(2)

for (const name of chosen.length > 0 ? chosen : ['packages/process', 'packages/supervisor']) {
  const folder = join(root, name, 'src')
  const graph = importGraph(folder)
  const edges = [...graph].flatMap(([file, imports]) => imports.map((imported) => [file, imported]))
  const between = edges.map(([from, to]) => [dirname(from), dirname(to)]).filter(([from, to]) => from !== to)
  const lengths = [...graph.keys()]
    .map((file) => [readFileSync(join(folder, file), 'utf8').split('\n').length - 1, file])
    .sort(([a], [b]) => b - a)
  console.log(name)
  console.table({
    files: graph.size,
    folders: new Set([...graph.keys()].map(dirname)).size,
    'imports between files': edges.length,
    'arrows between folders': new Set(between.map(([from, to]) => `${from} -> ${to}`)).size,
    'imports that close a circle': edges.filter(([from, to]) => circle(graph, from, to) !== null).length,
    'longest file': `${lengths[0][1]} (${lengths[0][0]})`,
    'files over 200 lines': lengths.filter(([length]) => length > 200).length,
  })
}
