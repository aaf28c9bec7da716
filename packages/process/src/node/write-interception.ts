import type { Writable } from 'node:stream'

/** What becomes of something that the application writes. `drop`: it is told that it was written. */
export type Verdict = 'pass' | 'hold' | 'drop'

export interface WriteObserver {
  /** Before it is written. */
  judge(bytes: Buffer): Verdict
  /** After it was given to the stream. */
  passed(): void
}

export interface Interception {
  /** Writes in the application's place, past the observer. */
  write(bytes: Buffer): void
  /** Ends the stream in the application's place. */
  end(): void
  /** Whether something is held. */
  holds(): boolean
  /** Writes what was held. */
  flush(): void
  /** Gives up what was held: each callback gets the error. */
  fail(error: Error): void
  restore(): void
}

type Call = { method: 'write' | 'end'; args: unknown[] }
type Method = (...args: unknown[]) => unknown

/** Looks at everything that the application writes to `stream`, and decides on it. */
export function interceptWrites(stream: Writable, observer: WriteObserver): Interception {
  const original = {
    write: Reflect.get(stream, 'write') as Method,
    end: Reflect.get(stream, 'end') as Method,
  }
  const held: Call[] = []

  const intercept =
    (method: Call['method']): Method =>
    (...args) => {
      const bytes = asBytes(args[0], args[1])
      const verdict = held.length > 0 ? 'hold' : observer.judge(bytes ?? nothing)
      if (verdict === 'hold') return keep({ method, args })
      if (verdict === 'drop') return drop({ method, args })
      const result = original[method].apply(stream, args)
      if (bytes !== null) observer.passed()
      return result
    }
  const keep = (call: Call) => {
    held.push(call)
    return call.method === 'end' ? stream : true
  }
  const drop = ({ method, args }: Call) => {
    const callback = callbackOf(args)
    if (method === 'end') return original.end.apply(stream, callback === undefined ? [] : [callback])
    if (callback !== undefined) process.nextTick(callback, null)
    return true
  }

  Reflect.set(stream, 'write', intercept('write'))
  Reflect.set(stream, 'end', intercept('end'))
  return {
    write: (bytes) => void original.write.call(stream, bytes),
    end: () => void original.end.call(stream),
    holds: () => held.length > 0,
    flush: () => {
      for (const { method, args } of held.splice(0)) Reflect.apply(intercept(method), stream, args)
    },
    fail: (error) => {
      for (const { args } of held.splice(0)) {
        const callback = callbackOf(args)
        if (callback !== undefined) process.nextTick(callback, error)
      }
    },
    restore: () => {
      Reflect.deleteProperty(stream, 'write')
      Reflect.deleteProperty(stream, 'end')
    },
  }
}

const nothing = Buffer.alloc(0)

/** The shapes of stream.write: (chunk[, encoding][, callback]). Null: there is nothing to write. */
function asBytes(chunk: unknown, encoding: unknown): Buffer | null {
  if (typeof chunk === 'string') return Buffer.from(chunk, encodingOf(encoding))
  if (chunk instanceof Uint8Array) return Buffer.from(chunk.buffer, chunk.byteOffset, chunk.byteLength)
  return null
}

const encodingOf = (encoding: unknown): BufferEncoding =>
  typeof encoding === 'string' && Buffer.isEncoding(encoding) ? encoding : 'utf8'

function callbackOf(args: unknown[]): ((error: Error | null) => void) | undefined {
  const found = args.find((argument) => typeof argument === 'function')
  return found as ((error: Error | null) => void) | undefined
}
