import { createServer } from 'node:http'
import type { IncomingMessage, ServerResponse } from 'node:http'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { once } from 'node:events'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { TestContext } from 'node:test'

/** A request to the fake server. */
export interface Asked {
  method: string
  path: string
  query: URLSearchParams
  body: string
}

/** An answer. A stream stays open after its lines. */
export type Reply = { status?: number; json: unknown } | { stream: unknown[]; end?: 'clean' | 'broken' }

/** A fake API server with the answers of the test. Any other request is answered with 404. */
export interface ApiServer {
  url: string
  kubeconfig: string
  asked: Asked[]
  close(): void
}

export async function apiServer(
  t: TestContext,
  answer: (asked: Asked, server: ApiServer) => Reply | undefined,
): Promise<ApiServer> {
  const folder = mkdtempSync(join(tmpdir(), 'api-'))
  const server = createServer((request, response) => void serve(request, response))
  const close = () => {
    server.close()
    server.closeAllConnections()
  }
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
  const api: ApiServer = { url, kubeconfig: join(folder, 'config'), asked: [], close }
  writeFileSync(api.kubeconfig, kubeconfigOf(url))
  t.after(() => {
    close()
    rmSync(folder, { recursive: true, force: true })
  })

  async function serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    let body = ''
    for await (const chunk of request) body += String(chunk)
    const { pathname, searchParams } = new URL(request.url ?? '', url)
    const asked = { method: request.method ?? '', path: pathname, query: searchParams, body }
    api.asked.push(asked)
    const reply = answer(asked, api) ?? status(404, 'not found')
    if ('json' in reply) {
      response.writeHead(reply.status ?? 200, { 'content-type': 'application/json' })
      response.end(JSON.stringify(reply.json))
      return
    }
    response.writeHead(200, { 'content-type': 'application/json' })
    response.write(reply.stream.map((event) => `${JSON.stringify(event)}\n`).join('') || '\n')
    if (reply.end === 'clean') response.end()
    if (reply.end === 'broken') response.destroy()
  }
  return api
}

export const status = (code: number, message: string, more: object = {}): Reply => ({
  status: code,
  json: { kind: 'Status', status: 'Failure', code, message, ...more },
})

export const list = (items: unknown[], resourceVersion = '1'): Reply => ({
  json: { items, metadata: { resourceVersion } },
})

export const kubeconfigOf = (server: string, more: object = {}): string =>
  JSON.stringify({
    clusters: [{ name: 'fake', cluster: { server } }],
    users: [{ name: 'me', user: { token: 'expired' } }],
    contexts: [{ name: 'fake', context: { cluster: 'fake', user: 'me', namespace: 'shop' } }],
    'current-context': 'fake',
    ...more,
  })
