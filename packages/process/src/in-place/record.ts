import fs from 'node:fs'
import type { MovedConnection } from '../protocol/moves.js'
import type { Environment } from '../protocol/environment.js'
import { InheritedListenersError } from '../protocol/errors.js'
import { socketInode } from '../system/socket-table.js'
import { execCalls } from '../system/exec-calls.js'

/**
 * What one program carries over to the next one of the same process: JSON in a file in memory, whose descriptor is
 * the value of HANDOVER_EXEC. The descriptors that it names have the same numbers in the next program.
 */
export interface ExecRecord {
  version: 1
  /** How many programs this process has run before. */
  generation: number
  listeners: { name: string; fd: number }[]
  connections: CarriedConnection[]
}

export interface CarriedConnection extends MovedConnection {
  fd: number
}

export function writeRecord(file: number, record: ExecRecord): void {
  const bytes = Buffer.from(JSON.stringify(record))
  fs.ftruncateSync(file, bytes.length)
  for (let at = 0; at < bytes.length;) at += fs.writeSync(file, bytes, at, bytes.length - at, at)
}

/** @throws InheritedListenersError when HANDOVER_EXEC does not name what a program of this library left */
export function readRecord({ HANDOVER_EXEC: file }: Environment): ExecRecord | null {
  if (file === undefined) return null
  const record = /^\d{1,9}$/.test(file) ? parse(Number(file)) : null
  if (record?.version !== 1 || !Array.isArray(record.listeners) || !Array.isArray(record.connections))
    throw new InheritedListenersError(
      `HANDOVER_EXEC is "${file}", wanted the descriptor of what an earlier program of this process left`,
    )
  const lost = record.listeners.find(({ fd }) => socketInode(fd) === null)
  if (lost !== undefined)
    throw new InheritedListenersError(
      `HANDOVER_EXEC names descriptor ${lost.fd} for the listener "${lost.name}", which is not a socket`,
    )
  return record
}

function parse(file: number): ExecRecord | null {
  try {
    const bytes = Buffer.alloc(fs.fstatSync(file).size)
    for (let at = 0; at < bytes.length;) {
      const read = fs.readSync(file, bytes, at, bytes.length - at, at)
      if (read === 0) return null
      at += read
    }
    return JSON.parse(bytes.toString()) as ExecRecord
  } catch {
    return null
  }
}

/** Node sets close-on-exec only up to the first unused descriptor. A child would keep clients' connections open. */
export function confineAll(record: ExecRecord, file: number): void {
  const calls = execCalls()
  for (const { fd } of [...record.listeners, ...record.connections, { fd: file }]) calls?.setCloseOnExec(fd)
}
