// Runs in a process of its own, started by evaluate.ts: evaluates one configuration and sends what it exports.

import { importConfig } from './import-config.js'

// Nothing but the configuration may keep this process: an await that never ends is then told by Node.
process.channel?.unref()
process.send?.(await importConfig(process.argv[2] ?? ''))
