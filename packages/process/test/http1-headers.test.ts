import assert from 'node:assert/strict'
import { once } from 'node:events'
import http from 'node:http'
import type { AddressInfo } from 'node:net'
import { test } from 'node:test'
import { withConnectionClose } from '../dist/drain/http1-headers.js'

type WriteHead = (...args: unknown[]) => http.ServerResponse

const shapes: [string, unknown[]][] = [
  ['no headers', [200]],
  ['a reason', [200, 'Fine']],
  ['undefined headers', [200, undefined]],
  ['an object', [200, { Connection: 'keep-alive', 'Set-Cookie': ['a', 'b'] }]],
  ['an object behind a reason', [200, 'Fine', { connection: 'Keep-Alive', 'Set-Cookie': ['a', 'b'] }]],
  ['a flat list', [200, ['Set-Cookie', 'a', 'Connection', 'keep-alive', 'Set-Cookie', 'b']]],
]

void test('withConnectionClose() sets the header in every form of writeHead, and keeps the other arguments', async (t) => {
  for (const [shape, args] of shapes) {
    const server = http.createServer((_request, response) => {
      if (shape === 'no headers') response.setHeader('Connection', 'keep-alive')
      const writeHead = Reflect.get(response, 'writeHead') as WriteHead
      writeHead.apply(response, withConnectionClose(response, args))
      response.end()
    })
    server.listen(0, '127.0.0.1')
    t.after(() => server.close())
    await once(server, 'listening')
    const agent = new http.Agent({ keepAlive: true })
    t.after(() => agent.destroy())
    const request = http.get({ port: (server.address() as AddressInfo).port, host: '127.0.0.1', agent })
    const [response] = (await once(request, 'response')) as [http.IncomingMessage]
    response.resume()
    assert.equal(response.headers.connection, 'close', shape)
    const cookies = JSON.stringify(args).includes('Set-Cookie') ? ['a', 'b'] : undefined
    assert.deepEqual(response.headers['set-cookie'], cookies, shape)
  }
})
