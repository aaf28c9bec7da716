import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { closeFrame, FrameReader, opcodes } from '../dist/connections/websocket/frames.js'

interface Frame {
  opcode: number
  final: boolean
  masked: boolean
  length: number
}

/** Written after RFC 6455, 5.2, without the code under test. The payload looks like headers. */
function encode({ opcode, final, masked, length }: Frame): Buffer {
  const extended = length < 126 ? 0 : length < 65536 ? 2 : 8
  const frame = Buffer.alloc(2 + extended + (masked ? 4 : 0) + length, 0x88)
  frame[0] = (final ? 0x80 : 0) | opcode
  frame[1] = (masked ? 0x80 : 0) | (extended === 0 ? length : extended === 2 ? 126 : 127)
  if (extended === 2) frame.writeUInt16BE(length, 2)
  if (extended === 8) frame.writeBigUInt64BE(BigInt(length), 2)
  return frame
}

const text = (length: number, rest: Partial<Frame> = {}): Frame => ({
  opcode: opcodes.text,
  final: true,
  masked: false,
  length,
  ...rest,
})

/** Frames with every encoding of the length, fragments, and a Ping between the fragments. */
const conversation: Frame[] = [
  text(0),
  text(5, { masked: true }),
  text(125),
  text(126),
  text(300, { final: false }),
  { opcode: opcodes.ping, final: true, masked: true, length: 4 },
  { opcode: 0, final: false, masked: false, length: 0 },
  { opcode: 0, final: true, masked: false, length: 127 },
  { opcode: opcodes.pong, final: true, masked: false, length: 0 },
  text(65_535),
  text(65_536, { masked: true }),
]

void test('push() knows its position in the frame after every byte', () => {
  const reader = new FrameReader()
  let delivered = 0
  let fragmented = false
  for (const frame of conversation) {
    const bytes = encode(frame)
    for (let at = 0; at < bytes.length; at++) {
      reader.push(bytes.subarray(at, at + 1))
      if (at < bytes.length - 1) assert.equal(reader.betweenFrames, false)
    }
    const control = frame.opcode >= 8
    if (!control) fragmented = !frame.final
    if (control || frame.final) delivered++
    assert.deepEqual(
      [reader.betweenFrames, reader.betweenMessages, reader.fragmented, reader.delivered],
      [true, !fragmented, fragmented, delivered],
    )
  }
})

void test('push() returns the same when a stream is split in two anywhere', () => {
  const frames = conversation.slice(0, 9)
  const bytes = Buffer.concat(frames.map(encode))
  const ends = frames.reduce<number[]>((all, frame) => [...all, (all.at(-1) ?? 0) + encode(frame).length], [])
  for (let cut = 0; cut <= bytes.length; cut++) {
    const reader = new FrameReader()
    const begun = [0, ...ends].filter((end) => end <= cut).at(-1) ?? 0
    assert.equal(reader.push(bytes.subarray(0, cut)), cut - begun, `cut at ${cut}`)
    assert.equal(reader.betweenFrames, cut === begun)
    reader.push(bytes.subarray(cut))
    assert.deepEqual([reader.betweenMessages, reader.delivered], [true, 7], `cut at ${cut}`)
  }
})

void test('push() returns the same for any frames in any chunks', () => {
  const frame = fc.record({
    opcode: fc.constantFrom(0, 1, 2, 9, 10),
    final: fc.boolean(),
    masked: fc.boolean(),
    length: fc.oneof(fc.nat(200), fc.constantFrom(125, 126, 127, 65_535, 65_536)),
  })
  fc.assert(
    fc.property(
      fc.array(frame, { maxLength: 8 }),
      fc.array(fc.integer({ min: 1, max: 50_000 })),
      (frames, sizes) => {
        const bytes = Buffer.concat(frames.map(encode))
        const reader = new FrameReader()
        for (let at = 0, n = 0; at < bytes.length; n++) {
          const size = sizes[n % (sizes.length || 1)] ?? bytes.length
          reader.push(bytes.subarray(at, at + size))
          at += size
        }
        const complete = frames.filter(({ opcode, final }) => opcode >= 8 || final).length
        return reader.betweenFrames && reader.delivered === complete
      },
    ),
  )
})

void test('push() sees the Close frame and ignores everything after it', () => {
  const reader = new FrameReader()
  const close = closeFrame(1012, 'Service Restart')
  assert.deepEqual([...close.subarray(0, 4)], [0x88, 17, 0x03, 0xf4])
  reader.push(Buffer.concat([encode(text(3)), close.subarray(0, 5)]))
  assert.equal(reader.closed, false)
  reader.push(Buffer.concat([close.subarray(5), encode(text(3))]))
  assert.deepEqual([reader.closed, reader.delivered], [true, 1])
})

void test('push() finds no boundary after a length that cannot be sent', () => {
  const reader = new FrameReader()
  reader.push(Buffer.from('827fffffffffffffffff', 'hex'))
  reader.push(Buffer.alloc(100))
  assert.equal(reader.betweenFrames, false)
})
