import type { Protocol } from '../load.js'
import { Lost } from '../wire.js'
import type { Wire } from '../wire.js'

/** SMTP (RFC 5321): new connections deliver a message each, kept ones send NOOP. */
export const smtp: Protocol = {
  async whole(wire, turn) {
    await greet(wire)
    await command(wire, 'MAIL FROM:<sender@example.org>', 250)
    await command(wire, 'RCPT TO:<receiver@example.org>', 250)
    await command(wire, 'DATA', 354)
    await command(wire, `Subject: message ${turn}\r\n\r\n${'A line of text.\r\n'.repeat(50)}.`, 250)
    await command(wire, 'QUIT', 221)
    await wire.end()
  },
  greet,
  async ask(wire) {
    await command(wire, 'NOOP', 250)
    return true
  },
}

async function greet(wire: Wire): Promise<void> {
  await reply(wire, 'the greeting', 220)
  await command(wire, 'EHLO client.example.org', 250)
}

async function command(wire: Wire, line: string, code: number): Promise<void> {
  wire.send(`${line}\r\n`)
  await reply(wire, line.slice(0, 20), code)
}

/** A reply of several lines has a hyphen behind the code in all but its last line (RFC 5321, 4.2.1). */
async function reply(wire: Wire, what: string, code: number): Promise<void> {
  let line: string
  do line = await wire.upTo('\r\n')
  while (line[3] === '-')
  if (!line.startsWith(`${code} `)) throw new Lost('wrong', `${what} is answered by ${JSON.stringify(line)}`)
}
