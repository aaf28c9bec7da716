import type { Program } from './program.js'
import { app, needsPackage } from './program.js'
import { graphqlOverSse } from './protocols/graphql-sse.js'
import { mqtt } from './protocols/mqtt.js'
import { smtp } from './protocols/smtp.js'

/** Servers on Node that send more than answers, or speak another protocol than HTTP. */
export const messageServers: Program[] = [
  {
    name: 'graphql-yoga',
    kept: 'served',
    missing: () => needsPackage('graphql-yoga'),
    service: ({ port }) => ({ command: ['node', app('graphql-yoga.cjs')], env: { PORT: port }, replicas: 2 }),
    protocol: () => graphqlOverSse,
  },
  {
    name: 'aedes',
    kept: 'closed',
    missing: () => needsPackage('aedes'),
    service: ({ port }) => ({
      command: ['node', app('aedes.cjs')],
      env: { PORT: port },
      replicas: 2,
      // A kept connection of an unknown protocol stays until then.
      drain: { timeoutSeconds: 2 },
    }),
    protocol: () => mqtt,
  },
  {
    name: 'smtp-server',
    kept: 'closed',
    missing: () => needsPackage('smtp-server'),
    service: ({ port }) => ({
      command: ['node', app('smtp-server.cjs')],
      env: { PORT: port },
      replicas: 2,
      // A kept connection of an unknown protocol stays until then.
      drain: { timeoutSeconds: 2 },
    }),
    protocol: () => smtp,
  },
]
