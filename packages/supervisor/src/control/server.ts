import type { IncomingMessage, ServerResponse } from 'node:http'
import { createServer } from 'node:http'
import { Server } from 'node:net'
import { chmodSync, rmSync } from 'node:fs'
import { once } from 'node:events'
import { inodeAt } from '#shared/socket-file.js'
import type { Failure, Result } from '../model/index.js'
import { failed, ok, unknownService } from '../model/index.js'
import type { StreamLine, Supervisor } from './api.js'
import { parseOperation } from './operation.js'

const maxBodyLength = 64 * 1024

export interface ControlServer {
  /**
   * Listens again if the file of the socket was removed. Open connections are not touched. Returns whether it was
   * removed. Rejects with the error of the system call.
   */
  renew(): Promise<boolean>
  /** Waits for pending responses, for a second at most. */
  close(): Promise<void>
}

/** Serves the control API on a unix socket. The caller must hold the supervisor's lock: an existing file is deleted. */
export async function serveControl(path: string, supervisor: Supervisor): Promise<ControlServer> {
  const server = createServer((request, response) => {
    route(supervisor, request, response).catch((error: unknown) =>
      refuse(response, 500, {
        code: 'Refused',
        message: `the supervisor failed to answer: ${String(error)}`,
      }),
    )
  })
  let inode = await listen(server, path)
  return {
    async renew() {
      if (inodeAt(path) === inode) return false
      // Not that of http.Server, which closes idle connections as well. It must come first: libuv deletes the path.
      Server.prototype.close.call(server)
      inode = null
      inode = await listen(server, path)
      return true
    },
    async close() {
      const cut = setTimeout(() => server.closeAllConnections(), 1000)
      await new Promise((resolve) => server.close(resolve))
      clearTimeout(cut)
    },
  }
}

/** Returns the inode of the socket's file, which only its owner may open. */
async function listen(server: Server, path: string): Promise<number | null> {
  rmSync(path, { force: true })
  const umask = process.umask(0o177)
  try {
    server.listen(path)
    await once(server, 'listening')
    chmodSync(path, 0o600)
  } finally {
    process.umask(umask)
  }
  return inodeAt(path)
}

async function route(
  supervisor: Supervisor,
  request: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  const url = new URL(request.url ?? '/', 'http://supervisor')
  const service = url.searchParams.get('service') ?? undefined
  const known = supervisor.status().services.map(({ name }) => name)
  if (service !== undefined && !known.includes(service))
    return refuse(response, 404, unknownService(service, known))
  switch (`${request.method} ${url.pathname}`) {
    case 'GET /v1/status':
      return reply(response, supervisor.status())
    case 'GET /v1/history':
      return reply(response, supervisor.history(service))
    case 'GET /v1/explain':
      return reply(response, supervisor.explain(service))
    case 'GET /v1/logs':
      return reply(response, supervisor.logs(service))
    case 'GET /v1/watch':
      return watch(supervisor, response)
    case 'POST /v1/operations':
      return operate(supervisor, request, response)
    default:
      return refuse(response, 404, {
        code: 'Usage',
        message: `the control API has no "${request.method} ${url.pathname}"`,
      })
  }
}

async function operate(
  supervisor: Supervisor,
  request: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  const body = await readJson(request)
  if (!body.ok) return refuse(response, 400, body.failure)
  const asked = parseOperation(body.value)
  if (!asked.ok) return refuse(response, 400, asked.failure)
  const tell = openStream(response)
  tell({ type: 'done', ...(await supervisor.operate(asked.value, tell)) })
  response.end()
}

/** Sends the status after each event, but at most ten times a second. */
function watch(supervisor: Supervisor, response: ServerResponse): void {
  const tell = openStream(response)
  let timer: NodeJS.Timeout | null = null
  const send = () => {
    timer = null
    tell({ type: 'status', status: supervisor.status() })
  }
  const unsubscribe = supervisor.subscribe(() => (timer ??= setTimeout(send, 100)))
  response.on('close', () => {
    unsubscribe()
    if (timer) clearTimeout(timer)
  })
  send()
}

function openStream(response: ServerResponse): (line: StreamLine) => void {
  response.writeHead(200, { 'content-type': 'application/x-ndjson' })
  return (line) => {
    if (!response.destroyed) response.write(`${JSON.stringify(line)}\n`)
  }
}

function reply(response: ServerResponse, body: unknown): void {
  response.writeHead(200, { 'content-type': 'application/json' })
  response.end(`${JSON.stringify(body)}\n`)
}

function refuse(response: ServerResponse, status: number, failure: Failure): void {
  if (!response.headersSent) response.writeHead(status, { 'content-type': 'application/json' })
  response.end(`${JSON.stringify({ failure })}\n`)
}

async function readJson(request: IncomingMessage): Promise<Result<unknown>> {
  let text = ''
  for await (const chunk of request.setEncoding('utf8')) {
    text += String(chunk)
    if (text.length > maxBodyLength)
      return failed('Usage', `the body is longer than ${maxBodyLength} bytes, wanted a short JSON object`)
  }
  try {
    return ok(JSON.parse(text))
  } catch (error) {
    return failed('Usage', `the body is not JSON (${(error as Error).message}), wanted an operation`)
  }
}
