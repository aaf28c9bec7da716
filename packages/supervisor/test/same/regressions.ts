import type { Kind, Program, Shape } from './program.js'

const listening = (kind: Kind, shape: Shape, host: string): Program => ({
  steps: [
    { type: 'server', server: 0, kind, errors: 'after' },
    { type: 'listen', server: 0, shape, then: 'wait' },
    { type: 'connect', server: 0, host, talk: kind === 'udp6' ? 'datagram' : 'once' },
  ],
})

/** Programs that once saw something else than in plain Node. They are played with every seed. */
export const regressions: Program[] = [
  listening('udp6', { form: 'arguments', port: 'p0' }, '::1'),
  listening('http', { form: 'arguments', port: 'p0', host: 'localhost' }, '127.0.0.1'),
  listening('net', { form: 'options', path: 'relative0' }, '127.0.0.1'),
  listening('net', { form: 'options', port: 'p0', host: '::1', signal: 'aborted' }, '::1'),
  listening('net', { form: 'raw', args: [65536] }, '127.0.0.1'),
  listening('net', { form: 'arguments', port: 'p0' }, '127.0.0.1'),
]
