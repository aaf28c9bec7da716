import { failed } from '../../model/index.js'
import type { Result } from '../../model/index.js'

const several = 'the command of one program, and a service for each of the others'
const restarts = 'the command without it: an upgrade brings the new version'
const managed = 'the command that it runs: handover takes its place'

/** Node programs that run others as their children, and what to write instead. */
const wanted: Record<string, string> = {
  concurrently: several,
  'npm-run-all': several,
  'run-p': several,
  'run-s': 'the command of the last script; run the others when the release is built',
  'start-server-and-test': 'the command of the server',
  'ts-node-dev': restarts,
  tsnd: restarts,
  'node-dev': restarts,
  'tsc-watch': restarts,
  supervisor: managed,
  forever: managed,
  pm2: managed,
  'pm2-dev': managed,
  nx: 'the command of the program that is built',
  turbo: 'the command of the program that is built',
  lerna: 'the command of the program that is built',
  'ts-node-esm': '"node --loader ts-node/esm", or tsx',
}

/** Fails with `CannotStart` if the command is one of those. `name`: the file name of its program, a Node script. */
export function refuseParents(name: string, words: string[]): Result<true> {
  const isEsm = name === 'ts-node' && words.includes('--esm')
  const key = isEsm ? 'ts-node-esm' : name
  if (!Object.hasOwn(wanted, key)) return { ok: true, value: true }
  return failed(
    'CannotStart',
    `"${[name, ...words].join(' ')}" runs the service as its child, which gets no listeners, wanted ${wanted[key]}`,
  )
}
