import { execFile } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { basename } from 'node:path'
import type { UnitLimits } from '../units/index.js'

/** systemd's settings of the unit that this process runs in. Null if it runs in none, or if systemctl failed. */
export async function readUnitLimits(): Promise<UnitLimits | null> {
  const cgroup = readFileSync('/proc/self/cgroup', 'utf8')
  const unit = unitOf(cgroup)
  if (unit === null) return null
  const scope = cgroup.includes('/user@') ? ['--user'] : []
  const properties = ['TimeoutStopUSec', 'KillMode', 'FileDescriptorStoreMax']
  const text = await output('systemctl', [...scope, 'show', unit, ...properties.map((name) => `-p${name}`)])
  return text === null ? null : parseUnitLimits(unit, text)
}

/** Name of the innermost service in /proc/self/cgroup, such as `0::/system.slice/web.service`. Null if none. */
export function unitOf(cgroup: string): string | null {
  const services = [...cgroup.matchAll(/\/([^/\n]+\.service)(?=[/\n]|$)/g)].map(([, name]) => name ?? '')
  const last = services.at(-1)
  return last === undefined ? null : basename(last)
}

/** Parses the output of `systemctl show`. */
export function parseUnitLimits(unit: string, text: string): UnitLimits {
  const values = new Map(text.split('\n').map((line) => [line.split('=', 1)[0], line.replace(/^[^=]*=/, '')]))
  const storeMax = values.get('FileDescriptorStoreMax')
  return {
    unit,
    stopSeconds: parseTimespan(values.get('TimeoutStopUSec') ?? ''),
    killMode: values.get('KillMode') || null,
    storeMax: storeMax && /^\d+$/.test(storeMax) ? Number(storeMax) : null,
  }
}

const secondsIn: Record<string, number> = {
  us: 1e-6,
  ms: 1e-3,
  s: 1,
  min: 60,
  h: 3600,
  d: 86_400,
  w: 604_800,
  month: 2_629_800,
  y: 31_557_600,
}

/** Seconds of a time span as in systemd.time(7), such as `1min 30s` or `infinity`. Null if it is invalid. */
export function parseTimespan(text: string): number | null {
  if (text === 'infinity') return Infinity
  let seconds = 0
  for (const part of text.split(' ')) {
    const [, number, unit = ''] = /^(\d+(?:\.\d+)?)([a-z]+)$/.exec(part) ?? []
    const factor = secondsIn[unit]
    if (number === undefined || factor === undefined) return null
    seconds += Number(number) * factor
  }
  return seconds
}

/** Standard output. Null if the program is missing, failed, or took more than 5 s, too long for a mere warning. */
function output(program: string, args: string[]): Promise<string | null> {
  return new Promise((resolve) => {
    execFile(program, args, { timeout: 5000 }, (error, stdout) => resolve(error ? null : stdout))
  })
}
