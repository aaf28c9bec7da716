import { text } from 'node:stream/consumers'
import type { SpecSource } from './source.js'
import { readSpecs } from './source.js'

// The program of reader.ts: a source on standard input, the services on standard output.
const source = JSON.parse(await text(process.stdin)) as SpecSource
process.stdout.write(JSON.stringify(await readSpecs(source)))
