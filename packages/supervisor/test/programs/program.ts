import { execFileSync } from 'node:child_process'
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import type { Protocol, Rates } from './load.js'

/** Where a program runs. */
export interface Place {
  /** Its own folder, empty at first, which is also its working folder. */
  folder: string
  /** Of 127.0.0.1: where it is to listen. */
  port: number
  /** A web server on 127.0.0.1 that answers as `pages` has it, for programs that pass requests on. */
  backend: number
}

/** A public program, unmodified. */
export interface Program {
  name: string
  /** Why it cannot run on this machine. Null if it can. */
  missing(): string | null
  /** Writes its files, and gives its service: see docs/configuration.md. */
  service(place: Place): { replicas?: number; command: string[]; [field: string]: unknown }
  /** Prepares what the clients ask for, once it serves. */
  protocol(place: Place): Protocol | Promise<Protocol>
  /** Default: see `defaultRates`. */
  rates?: Partial<Rates>
  /**
   * What becomes of kept connections at an upgrade. `served`: no request on one may be lost. `closed`: the program closes
   * idle ones by itself when it is told to stop, and a client that sends at that moment gets no answer.
   */
  kept: 'served' | 'closed'
}

const fixtures = fileURLToPath(new URL('../../test/fixtures/programs/', import.meta.url))

/** A file of our own for a program. */
export const app = (file: string): string => join(fixtures, 'apps', file)

/** A file of a package from npm. */
export const fromNpm = (path: string): string => join(fixtures, 'node_modules', path)

export function needsPackage(name: string): string | null {
  return existsSync(fromNpm(name)) ? null : `${name} is not installed (npm ci in ${fixtures})`
}

/** Debian's own Python, whose modules Debian's packages install. */
export const python = '/usr/bin/python3'

/** `command` only says that it is there. */
export function needsCommand(debian: string, ...command: string[]): string | null {
  try {
    execFileSync(command[0]!, command.slice(1), { stdio: 'ignore' })
    return null
  } catch {
    return `${command.join(' ')} does not run (Debian: ${debian})`
  }
}

/** What the web applications among the fixtures answer. */
export const pages = { '/': 'hello', '/slow': 'slow, but whole' } as const
export const slowMs = 300
