import http from 'node:http'
import https from 'node:https'
import { createInterface } from 'node:readline'
import type { Connection } from './kubeconfig.js'
import { done, noCredentials, refusal, refused, unreachable } from './failures.js'
import type { Answer, ApiFailure, Call, Cluster, WatchEvent } from './ports.js'

/** Seconds without an answer after which a server counts as unreachable; kubectl's limit for a connection. */
const answerSeconds = 30
/** Seconds without data after which a watch counts as broken: the server sends a bookmark about once a minute. */
const silentSeconds = 150

/**
 * Opens the API server of a connection. The official client reads the kubeconfig and makes the credentials
 * (certificates, tokens, exec plugins, OIDC, proxies). Objects are sent and read as plain JSON: the client's
 * generated classes would drop fields that they do not know.
 */
export function connect({ config, server, context, namespace }: Connection): Cluster {
  const open = async (call: Call, signal: AbortSignal): Promise<Answer<http.IncomingMessage>> => {
    const options: https.RequestOptions = { method: call.method, headers: { accept: 'application/json' } }
    try {
      await config.applyToHTTPSOptions(options)
    } catch (error) {
      return refused(noCredentials(context, error as Error))
    }
    return send(new URL(server + call.path), call, { ...options, signal }, server)
  }
  const text = async (call: Call): Promise<Answer<string>> => {
    const signal = AbortSignal.timeout(answerSeconds * 1000)
    const answer = await open(call, signal)
    if (!answer.ok) return answer
    const body = await bodyOf(answer.value, server)
    const status = answer.value.statusCode ?? 0
    return body.ok && status >= 400 ? refused(refusal(status, body.value, server)) : body
  }
  return {
    server,
    context,
    namespace,
    text,
    async call(call) {
      const answer = await text(call)
      return answer.ok ? parsed(answer.value, server) : answer
    },
    async watch(call, onEvent, signal) {
      const silence = silenceWatch(signal)
      const answer = await open({ ...call, query: { ...call.query, watch: 'true' } }, silence.signal)
      const failure = answer.ok
        ? await readWatch(answer.value, server, onEvent, silence.heard)
        : answer.failure
      silence.end()
      return signal.aborted ? null : failure
    },
  }
}

function send(
  url: URL,
  { query = {}, body, contentType = 'application/json' }: Call,
  options: https.RequestOptions,
  server: string,
): Promise<Answer<http.IncomingMessage>> {
  for (const [name, value] of Object.entries(query)) url.searchParams.set(name, value)
  const content = body === undefined ? null : JSON.stringify(body)
  if (content !== null)
    options.headers = {
      ...options.headers,
      'content-type': contentType,
      'content-length': Buffer.byteLength(content),
    }
  return new Promise((resolve) => {
    const fail = (error: Error) => resolve(refused(unreachable(server, timeoutSaid(error))))
    try {
      const request = (url.protocol === 'http:' ? http : https).request(url, options, (response) =>
        resolve(done(response)),
      )
      request.on('error', fail)
      request.on('socket', (socket) => socket.setKeepAlive(true, 15_000))
      request.end(content ?? undefined)
    } catch (error) {
      fail(error as Error)
    }
  })
}

const timeoutSaid = (error: Error): Error =>
  error.name === 'TimeoutError' || error.name === 'AbortError'
    ? new Error(`no answer for ${answerSeconds} s`)
    : error

function bodyOf(response: http.IncomingMessage, server: string): Promise<Answer<string>> {
  return new Promise((resolve) => {
    let text = ''
    response.setEncoding('utf8')
    response.on('data', (chunk: string) => (text += chunk))
    response.on('end', () => resolve(done(text)))
    response.on('error', (error) => resolve(refused(unreachable(server, timeoutSaid(error)))))
  })
}

function parsed(text: string, server: string): Answer<unknown> {
  try {
    return done(JSON.parse(text) as unknown)
  } catch {
    return refused(
      unreachable(server, new Error('its answer is not JSON, so it is not a Kubernetes API server')),
    )
  }
}

async function readWatch(
  response: http.IncomingMessage,
  server: string,
  onEvent: (event: WatchEvent) => void,
  heard: () => void,
): Promise<ApiFailure | null> {
  const status = response.statusCode ?? 0
  if (status >= 400) {
    const body = await bodyOf(response, server)
    return body.ok ? refusal(status, body.value, server) : body.failure
  }
  return new Promise((resolve) => {
    const fail = (error: Error) => resolve(unreachable(server, error))
    response.on('error', fail)
    response.on('data', heard)
    const lines = createInterface({ input: response })
    lines.on('error', fail) // readline passes its input's errors on
    lines.on('line', (line) => {
      const answer = parsed(line, server)
      if (answer.ok) onEvent(answer.value as WatchEvent)
    })
    lines.on('close', () =>
      resolve(response.complete ? null : unreachable(server, new Error('the watch broke'))),
    )
  })
}

/** Aborts with `signal`, or after `silentSeconds` without data: a server that vanished sends no FIN. */
function silenceWatch(signal: AbortSignal): { signal: AbortSignal; heard(): void; end(): void } {
  const silent = new AbortController()
  const abort = () => silent.abort()
  const timer = setTimeout(abort, silentSeconds * 1000)
  signal.addEventListener('abort', abort, { once: true })
  if (signal.aborted) abort()
  return {
    signal: silent.signal,
    heard: () => timer.refresh(),
    end() {
      clearTimeout(timer)
      signal.removeEventListener('abort', abort)
    },
  }
}
