import http from 'node:http'
import https from 'node:https'
import net from 'node:net'
import { setTimeout as later } from 'node:timers/promises'
import type { ContainerProcess } from './process.js'
import type { ContainerSpec, Handler, Probe } from './types.js'

/** Where a handler's `httpGet`, `tcpSocket` and `exec` go. */
export interface ProbeTarget {
  ip: string
  container: ContainerSpec
  process: ContainerProcess
}

export interface ProbeResult {
  ok: boolean
  message: string
}

/**
 * Probes until `signal`, with the fields' defaults of Kubernetes, and tells each time that a threshold is reached:
 * as long as the outcome stays the same, once.
 */
export async function watchProbe(
  probe: Probe,
  target: ProbeTarget,
  signal: AbortSignal,
  on: { outcome(ok: boolean): void; failure(message: string): void },
): Promise<void> {
  const { initialDelaySeconds = 0, periodSeconds = 10, timeoutSeconds = 1 } = probe
  const { successThreshold = 1, failureThreshold = 3 } = probe
  let told: boolean | null = null
  let last: boolean | null = null
  let inRow = 0
  const pause = (seconds: number) => later(seconds * 1000, undefined, { signal }).catch(() => {})
  await pause(initialDelaySeconds)
  while (!signal.aborted) {
    const { ok, message } = await carryOut(probe, target, timeoutSeconds)
    if (signal.aborted) return
    if (!ok) on.failure(message)
    inRow = ok === last ? inRow + 1 : 1
    last = ok
    if (ok !== told && inRow >= (ok ? successThreshold : failureThreshold)) on.outcome((told = ok))
    await pause(periodSeconds)
  }
}

/** One try of a probe or a hook. */
export async function carryOut(
  handler: Handler,
  { ip, container, process }: ProbeTarget,
  timeoutSeconds: number,
): Promise<ProbeResult> {
  const { httpGet, tcpSocket, exec } = handler
  if (httpGet) return await get(httpGet, httpGet.host ?? ip, portOf(container, httpGet.port), timeoutSeconds)
  if (tcpSocket) return await connect(tcpSocket.host ?? ip, portOf(container, tcpSocket.port), timeoutSeconds)
  if (exec) {
    const { code, output } = await process.exec(exec.command, timeoutSeconds)
    return { ok: code === 0, message: output || `the command ended with exit code ${code}` }
  }
  return { ok: true, message: '' }
}

function portOf({ ports = [] }: ContainerSpec, port: number | string): number {
  if (typeof port === 'number') return port
  return ports.find(({ name }) => name === port)?.containerPort ?? Number(port)
}

function get(
  { path = '/', scheme = 'HTTP', httpHeaders = [] }: NonNullable<Handler['httpGet']>,
  host: string,
  port: number,
  timeoutSeconds: number,
): Promise<ProbeResult> {
  const headers = {
    'user-agent': 'kube-probe/1.20',
    ...Object.fromEntries(httpHeaders.map(({ name, value }) => [name, value])),
  }
  const options = {
    host,
    port,
    path,
    headers,
    agent: false,
    signal: AbortSignal.timeout(timeoutSeconds * 1000),
  }
  const url = `${scheme.toLowerCase()}://${host}:${port}${path}`
  return new Promise((resolve) => {
    const request =
      scheme === 'HTTPS' ? https.request({ ...options, rejectUnauthorized: false }) : http.request(options)
    request.on('response', (response) => {
      const { statusCode = 0 } = response
      response.resume().on('error', () => {})
      const ok = statusCode >= 200 && statusCode < 400
      resolve({ ok, message: `HTTP probe failed with statuscode: ${statusCode}` })
    })
    request.on('error', (error) => resolve({ ok: false, message: `Get "${url}": ${error.message}` }))
    request.end()
  })
}

function connect(host: string, port: number, timeoutSeconds: number): Promise<ProbeResult> {
  return new Promise((resolve) => {
    const socket = net.connect({ host, port, timeout: timeoutSeconds * 1000 })
    const settle = (ok: boolean, message: string) => {
      socket.destroy()
      resolve({ ok, message })
    }
    socket.on('connect', () => settle(true, ''))
    socket.on('timeout', () => settle(false, `dial tcp ${host}:${port}: i/o timeout`))
    socket.on('error', (error) => settle(false, `dial tcp ${host}:${port}: ${error.message}`))
  })
}
