import type { Protocol } from '../load.js'
import { Lost } from '../wire.js'
import type { Wire } from '../wire.js'

// Packet types and layouts: MQTT 3.1.1, chapter 3. All packets here are shorter than 128 bytes, so their length is one byte.
const text = (value: string) => Buffer.concat([Buffer.from([0, value.length]), Buffer.from(value)])
const packet = (type: number, ...parts: Uint8Array[]) => {
  const rest = Buffer.concat(parts)
  return Buffer.concat([Buffer.from([type, rest.length]), rest])
}

let clients = 0
const keepAliveSeconds = 60

/** Each client is a session of its own, with a topic of its own. */
export const mqtt: Protocol = {
  async whole(wire, turn) {
    const topic = await connectAndSubscribe(wire)
    await publish(wire, topic, turn)
    wire.send(packet(0xe0))
    await wire.end()
  },
  async greet(wire) {
    await connectAndSubscribe(wire)
  },
  async ask(wire) {
    wire.send(packet(0xc0))
    await answered(wire, 'PINGRESP', [0xd0, 0])
    return true
  },
}

async function connectAndSubscribe(wire: Wire): Promise<string> {
  const name = `client-${process.pid}-${++clients}`
  // Level 4 of the protocol, a clean session.
  const flags = Buffer.from([4, 2, 0, keepAliveSeconds])
  wire.send(packet(0x10, text('MQTT'), flags, text(name)))
  await answered(wire, 'CONNACK', [0x20, 2, 0, 0])
  wire.send(packet(0x82, Buffer.from([0, 1]), text(name), Buffer.from([0])))
  await answered(wire, 'SUBACK', [0x90, 3, 0, 1, 0])
  return name
}

/** At quality of service 1: the broker acknowledges it, and delivers it to the same client. The order is the broker's. */
async function publish(wire: Wire, topic: string, turn: number): Promise<void> {
  const payload = `message ${turn}`
  wire.send(packet(0x32, text(topic), Buffer.from([0, 2]), Buffer.from(payload)))
  const delivered = packet(0x30, text(topic), Buffer.from(payload)).toString('hex')
  const acknowledged = packet(0x40, Buffer.from([0, 2])).toString('hex')
  const both = [await readPacket(wire), await readPacket(wire)].map((one) => one.toString('hex'))
  if (!both.includes(delivered) || !both.includes(acknowledged))
    throw new Lost('wrong', `${both.join()} came back`)
}

async function readPacket(wire: Wire): Promise<Buffer> {
  const head = await wire.take(2)
  return Buffer.concat([head, await wire.take(head[1]!)])
}

async function answered(wire: Wire, name: string, bytes: number[]): Promise<void> {
  const answer = await readPacket(wire)
  if (!answer.equals(Buffer.from(bytes))) throw new Lost('wrong', `${name} is ${answer.toString('hex')}`)
}
