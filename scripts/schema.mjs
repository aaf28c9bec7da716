// Writes the JSON Schema of the configuration file. Build first: it comes from the one schema that checks it.
import { mkdirSync, writeFileSync } from 'node:fs'
import { dirname } from 'node:path'
import { fileURLToPath } from 'node:url'
import { jsonSchema } from '../packages/supervisor/dist/config/schema.js'

const file = fileURLToPath(new URL('../packages/supervisor/schema/handover.schema.json', import.meta.url))
mkdirSync(dirname(file), { recursive: true })
writeFileSync(file, `${JSON.stringify(jsonSchema(), null, 2)}\n`)
