import type { IncomingMessage } from 'node:http'
import { request } from 'node:http'
import { connect } from 'node:net'
import { LineSplitter } from '#shared/lines.js'
import type { Failure, Result, Status } from '../model/index.js'
import { ok } from '../model/index.js'
import type { Explanation, LogFile, Operation, ServiceHistory, StreamLine } from './api.js'

/** A client of the control API. It fails with `NoSupervisor` if the supervisor cannot be reached. */
export interface ControlClient {
  status(): Promise<Answer<Status>>
  history(service?: string): Promise<Answer<ServiceHistory[]>>
  explain(service?: string): Promise<Answer<Explanation[]>>
  logs(service?: string): Promise<Answer<LogFile[]>>
  /** The lines of the stream; it ends with a `done` line, or early if the supervisor dies. */
  operate(operation: Operation, signal?: AbortSignal): Promise<Answer<AsyncIterable<StreamLine>>>
  watch(signal?: AbortSignal): Promise<Answer<AsyncIterable<StreamLine>>>
}

export type Answer<T> = Result<T> | { ok: false; failure: { code: 'NoSupervisor'; message: string } }

/** Whether a supervisor listens on this path. */
export const isListening = (path: string): Promise<boolean> =>
  new Promise((resolve) => {
    const socket = connect(path)
    socket.once('connect', () => {
      socket.destroy()
      resolve(true)
    })
    socket.once('error', (error: NodeJS.ErrnoException) =>
      resolve(error.code !== 'ENOENT' && error.code !== 'ECONNREFUSED' && error.code !== 'ENOTDIR'),
    )
  })

export function controlClient(socketPath: string, name: string): ControlClient {
  const get = async <T>(path: string, service?: string): Promise<Answer<T>> => {
    const query = service === undefined ? '' : `?service=${encodeURIComponent(service)}`
    const response = await call('GET', path + query)
    return response.ok ? ok(JSON.parse(await text(response.value)) as T) : response
  }

  async function call(
    method: string,
    path: string,
    body?: unknown,
    signal?: AbortSignal,
  ): Promise<Answer<IncomingMessage>> {
    const response = await new Promise<IncomingMessage | Error>((resolve) => {
      const outgoing = request({ socketPath, method, path, signal }, resolve)
      outgoing.on('error', resolve)
      outgoing.end(body === undefined ? undefined : JSON.stringify(body))
    })
    if (response instanceof Error) return { ok: false, failure: unreachable(response, socketPath, name) }
    if (response.statusCode === 200) return ok(response)
    const { failure } = JSON.parse(await text(response)) as { failure: Failure }
    return { ok: false, failure }
  }

  const stream = async (...args: Parameters<typeof call>): Promise<Answer<AsyncIterable<StreamLine>>> => {
    const response = await call(...args)
    return response.ok ? ok(linesOf(response.value)) : response
  }

  return {
    status: () => get('/v1/status'),
    history: (service) => get('/v1/history', service),
    explain: (service) => get('/v1/explain', service),
    logs: (service) => get('/v1/logs', service),
    operate: (operation, signal) => stream('POST', '/v1/operations', operation, signal),
    watch: (signal) => stream('GET', '/v1/watch', undefined, signal),
  }
}

function unreachable(error: NodeJS.ErrnoException, socketPath: string, name: string) {
  const absent = error.code === 'ENOENT' || error.code === 'ECONNREFUSED'
  const message = absent
    ? `no supervisor named "${name}" runs here (nothing listens on ${socketPath}); start one with 'handover start'`
    : `the supervisor "${name}" cannot be reached on ${socketPath}: ${error.message}`
  return { code: 'NoSupervisor' as const, message }
}

async function text(response: IncomingMessage): Promise<string> {
  let all = ''
  for await (const chunk of response.setEncoding('utf8')) all += String(chunk)
  return all
}

async function* linesOf(response: IncomingMessage): AsyncGenerator<StreamLine> {
  const lines = new LineSplitter()
  try {
    for await (const chunk of response.setEncoding('utf8')) {
      for (const line of lines.push(String(chunk))) yield JSON.parse(line) as StreamLine
    }
  } catch (error) {
    // The supervisor died, or the caller gave up: either way the stream is over without a `done` line.
    if (!['ECONNRESET', 'ABORT_ERR'].includes((error as NodeJS.ErrnoException).code ?? '')) throw error
  }
}
