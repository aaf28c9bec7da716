/** Data goes to standard output, messages to standard error, so that a pipe gets only data. */
export const print = (line: string): void => void process.stdout.write(`${line}\n`)
export const say = (line: string): void => void process.stderr.write(`${line}\n`)
export const printJson = (value: unknown): void => print(JSON.stringify(value, null, 2))

const colours = { red: 31, green: 32, yellow: 33, blue: 34, grey: 90, bold: 1 } as const
export type Colour = keyof typeof colours
export type Paint = (colour: Colour, text: string) => string

/** Colours text if the stream is a terminal, NO_COLOR (no-color.org) is not set and TERM is not dumb. */
export function painter(stream: { isTTY?: boolean }): Paint {
  const on = stream.isTTY === true && !process.env.NO_COLOR && process.env.TERM !== 'dumb'
  return (colour, text) => (on ? `\u001b[${colours[colour]}m${text}\u001b[0m` : text)
}
