import { text } from 'node:stream/consumers'
import type { SpecSource } from './source.js'
import { readSpecs } from './source.js'

// Started by reader.ts: takes a source on standard input, writes the services to standard output.
const source = JSON.parse(await text(process.stdin)) as SpecSource
process.stdout.write(JSON.stringify(await readSpecs(source)))
