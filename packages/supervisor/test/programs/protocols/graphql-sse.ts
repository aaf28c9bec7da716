import type { Protocol } from '../load.js'
import { Lost } from '../wire.js'
import type { Wire } from '../wire.js'
import { readChunk, readHead, request, sendRequest } from './http.js'

const graphql = (query: string, accept: string) => ({
  path: '/graphql',
  method: 'POST',
  headers: [`Accept: ${accept}`, 'Content-Type: application/json'],
  body: JSON.stringify({ query }),
})

/**
 * GraphQL over server-sent events (its distinct connections mode): new connections subscribe to three events and get
 * all of them and `complete`; kept ones send queries.
 */
export const graphqlOverSse: Protocol = {
  async whole(wire) {
    await subscribe(wire, 3)
  },
  async ask(wire, turn) {
    const wanted = graphql(`{ twice(number: ${turn}) }`, 'application/json')
    const answer = JSON.stringify({ data: { twice: 2 * turn } })
    return (await request(wire, { ...wanted, answer }, 'keep-alive')).persistent
  },
}

async function subscribe(wire: Wire, from: number): Promise<void> {
  sendRequest(
    wire,
    { ...graphql(`subscription { countdown(from: ${from}) }`, 'text/event-stream'), answer: '' },
    'close',
  )
  const { status, headers } = await readHead(wire)
  if (status !== 200 || headers.get('transfer-encoding') !== 'chunked')
    throw new Lost('wrong', `the event stream has status ${status}`)
  let stream = ''
  for (let chunk = await readChunk(wire); chunk !== null; chunk = await readChunk(wire)) stream += chunk
  const events = [...stream.matchAll(/^event: next\ndata: (.*)$/gm)].map(([, data]) => data)
  const wanted = Array.from({ length: from + 1 }, (_, i) => JSON.stringify({ data: { countdown: from - i } }))
  if (events.join() !== wanted.join() || !/^event: complete$/m.test(stream))
    throw new Lost('truncated', `the event stream is ${JSON.stringify(stream)}`)
}
