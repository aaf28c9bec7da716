import assert from 'node:assert/strict'
import test from 'node:test'
import { ResponseParser } from '../../dist/verify/http/parser.js'

interface Parsed {
  status: number
  persistent: boolean
  body: string
}

/** Parses the pieces as answers to the methods; then the peer ends the connection. */
function parse(pieces: string[], methods: string[]) {
  const answers: Parsed[] = []
  const waiting = [...methods]
  let current: Parsed = { status: 0, persistent: false, body: '' }
  const parser = new ResponseParser({
    method: () => waiting[0] ?? null,
    head: ({ status, persistent }) => (current = { status, persistent, body: '' }),
    body: (piece) => (current.body += piece.toString('latin1')),
    complete: () => {
      answers.push(current)
      waiting.shift()
    },
  })
  for (const piece of pieces) {
    const malformed = parser.push(Buffer.from(piece, 'latin1'))
    if (malformed !== null) return { answers, malformed: malformed.malformed }
  }
  return { answers, end: parser.end() }
}

const ok = (body: string, persistent = true) => ({ status: 200, persistent, body })

const sound: Record<string, { text: string; methods?: string[]; answers: Parsed[]; end?: string }> = {
  'a length': { text: 'HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello', answers: [ok('hello')] },
  'no reason phrase and no space': { text: 'HTTP/1.1 200\r\nContent-Length: 0\r\n\r\n', answers: [ok('')] },
  'the same length twice': { text: 'HTTP/1.1 200 OK\r\nContent-Length: 2, 2\r\n\r\nab', answers: [ok('ab')] },
  'chunks, extensions and trailers': {
    text: 'HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip, Chunked\r\n\r\n3;a="b"\r\nabc\r\n0A \r\n0123456789\r\n0\r\nX-Sum: 1\r\nY:\r\n\r\n',
    answers: [ok('abc0123456789')],
  },
  'a body until the end of the connection': {
    text: 'HTTP/1.1 200 OK\r\n\r\nall of it\r\n\r\n',
    answers: [ok('all of it\r\n\r\n', false)],
    end: 'complete',
  },
  'HTTP/1.0': { text: 'HTTP/1.0 200 OK\r\nContent-Length: 1\r\n\r\nx', answers: [ok('x', false)] },
  'HTTP/1.0 that keeps alive': {
    text: 'HTTP/1.0 200 OK\r\nConnection: Keep-Alive\r\nContent-Length: 1\r\n\r\nx',
    answers: [ok('x')],
  },
  'an announced close': {
    text: 'HTTP/1.1 200 OK\r\nconnection: foo, CLOSE\r\nContent-Length: 1\r\n\r\nx',
    answers: [ok('x', false)],
  },
  'interim answers first': {
    text: 'HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\nx',
    answers: [ok('x')],
  },
  'no body by method or status': {
    text:
      'HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n' +
      'HTTP/1.1 304 Not Modified\r\nContent-Length: 9\r\n\r\n' +
      'HTTP/1.1 204 No Content\r\nTransfer-Encoding: chunked\r\n\r\n' +
      'HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi',
    methods: ['HEAD', 'GET', 'GET', 'GET'],
    answers: [
      ok(''),
      { status: 304, persistent: true, body: '' },
      { status: 204, persistent: true, body: '' },
      ok('hi'),
    ],
  },
  'pipelined, one after the other': {
    text:
      'HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\none' +
      'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\ntwo\r\n0\r\n\r\n' +
      'HTTP/1.1 404 Not Found\r\nContent-Length: 5\r\n\r\nthree',
    methods: ['GET', 'GET', 'GET'],
    answers: [ok('one'), ok('two'), { status: 404, persistent: true, body: 'three' }],
  },
}

for (const [name, { text, methods = ['GET'], answers, end = 'between' }] of Object.entries(sound)) {
  void test(`push() reads ${name} when split at every byte`, () => {
    const expected = { answers, end }
    assert.deepEqual(parse([text], methods), expected)
    assert.deepEqual(parse([...text], methods), expected, 'byte by byte')
    for (let i = 1; i < text.length; i++) {
      assert.deepEqual(parse([text.slice(0, i), text.slice(i)], methods), expected, `split at ${i}`)
    }
  })
}

void test('end() says truncated when any part of an answer is missing', () => {
  const texts = ['a length', 'chunks, extensions and trailers', 'pipelined, one after the other']
  for (const { text, methods = ['GET'], answers } of texts.map((name) => sound[name]!)) {
    const boundaries = new Set<number>([0])
    for (let i = 1; i < text.length; i++) {
      const parsed = parse([text.slice(0, i)], methods)
      if (parsed.end === 'between') boundaries.add(i)
      else assert.equal(parsed.end, 'truncated', `cut at ${i}`)
    }
    // Only between two answers nothing is missing.
    assert.equal(boundaries.size, answers.length, text)
  }
})

const malformed: Record<string, [text: string, reason: RegExp]> = {
  garbage: ['\x16\x03\x01 TLS', /begins with "\\u0016/],
  'another version': ['HTTP/2.0 200 OK\r\n\r\n', /begins with|status line is "HTTP\/2.0/],
  'a status of two digits': ['HTTP/1.1 20 OK\r\n\r\n', /status line is "HTTP\/1.1 20 OK"/],
  'a bare line feed': ['HTTP/1.1 200 OK\nContent-Length: 0\n\n', /without a carriage return/],
  'a folded line': ['HTTP/1.1 200 OK\r\nA: b\r\n c\r\n\r\n', /header line is " c"/],
  'a space before the colon': ['HTTP/1.1 200 OK\r\nA : b\r\n\r\n', /header line is "A : b"/],
  'two lengths': [
    'HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n',
    /content-length is "1, 2"/,
  ],
  'a length that is no number': ['HTTP/1.1 200 OK\r\nContent-Length: +1\r\n\r\n', /content-length is "\+1"/],
  'chunks with a length': [
    'HTTP/1.1 200 OK\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n',
    /both transfer-encoding and content-length/,
  ],
  'a chunk size that is none': [
    'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n',
    /chunk size is "zz"/,
  ],
  'a chunk longer than it says': [
    'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nabc\r\n',
    /after a chunk stands "bc"/,
  ],
  'a chunk line without a carriage return': [
    'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\nx',
    /without a carriage return/,
  ],
  'a switch of protocols': ['HTTP/1.1 101 Switching Protocols\r\n\r\n', /switches protocols/],
  'an answer that nobody asked for': [
    'HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\nHTTP/1.1 408 Request Timeout\r\n\r\n',
    /no request asked for "HTTP\/1.1 408/,
  ],
  'a head without end': [`HTTP/1.1 200 OK\r\nA: ${'b'.repeat(70_000)}`, /longer than 65536 bytes/],
}

for (const [name, [text, reason]] of Object.entries(malformed)) {
  void test(`push() says what is wrong when there is ${name}`, () => {
    assert.match(parse([text], ['GET']).malformed ?? 'nothing', reason)
    // The head without end is searched for its end at each piece: byte by byte it would only take long.
    if (text.length < 1000)
      assert.match(parse([...text], ['GET']).malformed ?? 'nothing', reasonAnyPiece(reason))
  })
}

/** Byte by byte, garbage is told by its first byte, and an unasked answer likewise. */
function reasonAnyPiece(reason: RegExp): RegExp {
  return new RegExp(`${reason.source}|begins with "HTTP/2|no request asked for "H"`)
}
