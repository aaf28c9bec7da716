import { createReadStream, readFileSync, statSync } from 'node:fs'
import https from 'node:https'
import type { IncomingMessage, ServerResponse } from 'node:http'
import { setTimeout as later } from 'node:timers/promises'
import type { Certificates } from '../certificates.js'
import { addresses } from '../network.js'
import type { Container } from './container.js'

export const kubeletPort = 10250
const followMs = 100

/**
 * kubelet's own server, as far as `pods/log` needs it: `tailLines`, `limitBytes`, `previous` and `follow` are kept,
 * `timestamps` and `sinceSeconds` are not. Only the API server comes here.
 */
export async function openLogServer(
  { server: { certificate, key } }: Certificates,
  find: (namespace: string, pod: string, container: string) => Container | undefined,
): Promise<{ close(): Promise<void> }> {
  const server = https.createServer({ cert: readFileSync(certificate), key: readFileSync(key) })
  server.on('request', (request: IncomingMessage, response: ServerResponse) => {
    const { pathname, searchParams } = new URL(request.url ?? '/', 'https://node')
    const [, route, namespace = '', pod = '', name = ''] = pathname.split('/')
    const container = route === 'containerLogs' ? find(namespace, pod, name) : undefined
    if (container === undefined) return void response.writeHead(404).end(`no container at ${pathname}`)
    void answer(container, searchParams, response)
  })
  await new Promise<void>((resolve) => server.listen(kubeletPort, addresses.host, resolve))
  return {
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve())
        server.closeAllConnections()
      }),
  }
}

async function answer(container: Container, query: URLSearchParams, response: ServerResponse): Promise<void> {
  const previous = query.get('previous') === 'true'
  if (previous && container.restartCount === 0) {
    const message = `previous terminated container "${container.spec.name}" not found`
    return void response.writeHead(400).end(message)
  }
  const file = container.logFile(previous ? container.restartCount - 1 : container.restartCount)
  const bytes = read(file)
  const wanted = tail(bytes, query.get('tailLines'))
  const limit = query.get('limitBytes')
  response.writeHead(200, { 'content-type': 'text/plain' })
  response.write(limit === null ? wanted : wanted.subarray(0, Number(limit)))
  if (query.get('follow') === 'true') await followFile(container, file, bytes.length, response)
  response.end()
}

async function followFile(container: Container, file: string, from: number, response: ServerResponse) {
  const runs = () => container.state.type === 'running' && container.logFile() === file
  for (let at = from, going = true; going && !response.destroyed;) {
    going = runs()
    const size = read(file).length === 0 ? 0 : statSync(file).size
    if (size > at) {
      for await (const piece of createReadStream(file, { start: at, end: size - 1 })) response.write(piece)
      at = size
    }
    if (going) await later(followMs)
  }
}

function read(file: string): Buffer {
  try {
    return readFileSync(file)
  } catch {
    return Buffer.alloc(0)
  }
}

function tail(bytes: Buffer, lines: string | null): Buffer {
  if (lines === null) return bytes
  let at = bytes.length - (bytes.at(-1) === 0x0a ? 1 : 0)
  for (let left = Number(lines); left > 0 && at >= 0; left--)
    at = at === 0 ? -1 : bytes.lastIndexOf(0x0a, at - 1)
  return bytes.subarray(Number(lines) === 0 ? bytes.length : at + 1)
}
