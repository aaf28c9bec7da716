import { z } from 'zod'
import type { ProbeHandler } from '../../model/index.js'
import { command, count, fields, seconds, text } from './common.js'

const wantedPort = "a listener's name or a port number from 1 to 65535"
const port = z
  .union([count(1, wantedPort).max(65535, { error: wantedPort }), text(wantedPort)], { error: wantedPort })
  .optional()
  .meta({
    description:
      'Name of a listener, on which exactly this instance is probed, or a port number. Default: the first TCP listener',
  })
const host = text('a host name or address')
  .optional()
  .meta({ description: 'Host to connect to, instead of this instance' })

const httpHeader = fields({ name: text('the name of a header'), value: z.string({ error: 'a string' }) })

const httpGet = fields({
  path: z
    .string({ error: 'a path that starts with "/"' })
    .startsWith('/', { error: 'a path that starts with "/"' })
    .default('/')
    .meta({ description: 'Path of the request' }),
  port,
  host,
  scheme: z
    .enum(['HTTP', 'HTTPS'], { error: "'HTTP' or 'HTTPS'" })
    .default('HTTP')
    .meta({ description: 'HTTPS certificates are not verified' }),
  httpHeaders: z
    .array(httpHeader, { error: 'a list of { name, value }' })
    .default([])
    .meta({ description: 'Headers to send' }),
}).meta({ description: 'Succeeds when the response has a status from 200 to 399' })

const tcpSocket = fields({ port, host }).meta({ description: 'Succeeds when the connection is accepted' })

const exec = fields({ command: command.meta({ description: 'Program and arguments' }) }).meta({
  description: 'Succeeds when the program exits with 0',
})

const notify = fields({}).meta({
  description: 'Succeeds when the instance reports that it is ready, by sd_notify(3) or the library',
})

const timing = {
  initialDelaySeconds: seconds('zero')
    .default(0)
    .meta({ description: 'Seconds from the start of the instance to the first attempt' }),
  periodSeconds: seconds('positive').default(10).meta({ description: 'Seconds between attempts' }),
  timeoutSeconds: seconds('positive')
    .default(1)
    .meta({ description: 'Seconds after which an attempt has failed' }),
  successThreshold: count(1)
    .default(1)
    .meta({ description: 'Successes in a row until the probe counts as passed' }),
  failureThreshold: count(1)
    .default(3)
    .meta({ description: 'Failures in a row until the probe counts as failed' }),
}

/** What a probe does. It has exactly one of them, see `checkProbes`. */
const handlers = {
  httpGet: httpGet.optional(),
  tcpSocket: tcpSocket.optional(),
  exec: exec.optional(),
  notify: notify.optional(),
} satisfies Record<ProbeHandler['type'], unknown>

export const handlerNames = Object.keys(handlers) as ProbeHandler['type'][]

/** Kubernetes' probe (core/v1 Probe), and `notify`. */
export const probe = fields({ ...handlers, ...timing })

export type ProbeFields = z.output<typeof probe>
