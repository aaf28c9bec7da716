// Started by evaluate.ts as a process of its own: evaluates one configuration and sends what it exports.

import { importConfig } from './import-config.js'

// The channel must not keep this process alive: then Node exits with 13 when a top-level await never ends.
process.channel?.unref()
process.send?.(await importConfig(process.argv[2] ?? ''))
