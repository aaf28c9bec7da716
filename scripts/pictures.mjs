// Draws the pictures of README.md from what was measured and recorded: `bench/failed-requests.mjs` and
// `scripts/pictures/record.mjs` write the JSON beside them.
import { readFileSync, writeFileSync } from 'node:fs'
import { failedRequestsSvg } from './pictures/chart.mjs'
import { terminalSvg } from './pictures/terminal.mjs'

const folder = new URL('../docs/pictures/', import.meta.url)
const read = (name) => JSON.parse(readFileSync(new URL(name, folder), 'utf8'))

write('failed-requests.svg', failedRequestsSvg(read('failed-requests.json')))
write('upgrade.svg', terminalSvg(read('upgrade.json')))

function write(name, svg) {
  writeFileSync(new URL(name, folder), svg)
  console.log(`docs/pictures/${name}: ${(svg.length / 1024).toFixed(0)} KiB`)
}
