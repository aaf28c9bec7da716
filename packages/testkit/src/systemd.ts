import { execFile, execFileSync, spawn } from 'node:child_process'
import {
  accessSync,
  constants,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  readdirSync,
  rmSync,
  rmdirSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import type { CommandResult } from './rig.js'
import { until } from './until.js'

const systemd = '/lib/systemd/systemd'

/**
 * The real systemd as pid 1 of namespaces of its own; the network and the file system are the machine's, but for
 * /run, /etc/systemd/system, /var/lib and /var/log. It boots in about half a second, and `close` leaves nothing of it.
 */
export interface Systemd {
  /** A folder of the test's; kept out of sight of nobody. */
  folder: string
  /** Writes the units, by file name (`web.service`, `web.service.d/test.conf`), and makes them known. */
  install(units: Record<string, string>): Promise<void>
  /** `systemctl <args>`; never throws on an exit code. */
  systemctl(...args: string[]): Promise<CommandResult>
  /** Any other program, inside. */
  run(...command: string[]): Promise<CommandResult>
  /** Properties of a unit, by name. */
  show(unit: string, ...properties: string[]): Promise<Record<string, string>>
  /** Until the unit's properties are so; looked at again and again, as long as `seconds`. */
  until(unit: string, property: string, wanted: RegExp, seconds?: number): Promise<string>
  close(): Promise<void>
}

/** Why it cannot be booted here; null where it can. */
export function systemdUnavailable(): string | null {
  if (process.getuid?.() !== 0) return 'only root may boot a systemd of its own'
  if (!existsSync(systemd)) return `"${systemd}" is not installed`
  const root = cgroupRoot()
  if (root === null) return 'no cgroup2 is mounted'
  try {
    accessSync(root, constants.W_OK)
    execFileSync('unshare', [...namespaces, 'mount', '-t', 'proc', 'proc', '/proc'], { stdio: 'pipe' })
    const probe = join(root, `handover-probe-${process.pid}`)
    mkdirSync(probe)
    rmdirSync(probe)
    return null
  } catch (error) {
    return `namespaces and cgroups are not to be had here: ${String((error as Error).message).split('\n')[0]}`
  }
}

const namespaces = ['--pid', '--fork', '--kill-child=SIGKILL', '--mount', '--uts', '--ipc', '--cgroup']

let booted = 0

export async function bootSystemd(): Promise<Systemd> {
  const folder = mkdtempSync(join(tmpdir(), 'systemd-'))
  const cgroup = join(cgroupRoot() ?? '/', `handover-test-${process.pid}-${++booted}`)
  mkdirSync(cgroup)
  const outer = spawn(
    '/bin/sh',
    ['-c', enter, 'sh', cgroup, 'unshare', ...namespaces, '--propagation', 'private', '/bin/sh', '-c', boot],
    {
      stdio: ['ignore', 'ignore', 'inherit'],
      env: { PATH: process.env['PATH'], FOLDER: folder, container: 'test' },
    },
  )
  const ended = new Promise<void>((resolve) => outer.once('exit', () => resolve()))
  const init = await firstChild(outer.pid ?? 0)
  const run = (...command: string[]): Promise<CommandResult> =>
    new Promise((resolve) => {
      const args = ['-t', String(init), '-a', ...command]
      execFile('nsenter', args, { timeout: 120_000, maxBuffer: 2 ** 24 }, (error, stdout, stderr) => {
        resolve({
          code: error === null ? 0 : typeof error.code === 'number' ? error.code : 128,
          stdout,
          stderr,
        })
      })
    })
  const systemctl = (...args: string[]) => run('systemctl', '--no-pager', ...args)

  async function show(unit: string, ...properties: string[]): Promise<Record<string, string>> {
    const { stdout } = await systemctl(
      'show',
      unit,
      ...properties.map((property) => `--property=${property}`),
    )
    const lines = stdout.trim().split('\n')
    return Object.fromEntries(
      lines.map((line) => [line.slice(0, line.indexOf('=')), line.slice(line.indexOf('=') + 1)]),
    )
  }

  let closed = false
  async function close(): Promise<void> {
    if (closed) return
    closed = true
    outer.kill('SIGKILL')
    await ended
    await removeCgroup(cgroup)
    rmSync(folder, { recursive: true, force: true })
  }

  try {
    await until(() => existsSync(`/proc/${init}/root/run/systemd/private`), 'systemd answers')
    await systemctl('is-system-running', '--wait')
  } catch (error) {
    await close()
    throw error
  }
  return {
    folder,
    run,
    systemctl,
    show,
    async install(units) {
      for (const [name, text] of Object.entries(units)) {
        const path = `/proc/${init}/root/run/systemd/system/${name}`
        mkdirSync(dirname(path), { recursive: true })
        writeFileSync(path, text)
      }
      await systemctl('daemon-reload')
    },
    async until(unit, property, wanted, seconds = 30) {
      let found = ''
      const look = async () => wanted.test((found = (await show(unit, property))[property] ?? ''))
      await until(look, () => `${property} of ${unit}, "${found}", is like ${wanted}`, seconds)
      return found
    },
    close,
  }
}

const enter = 'echo $$ > "$1/cgroup.procs" && shift && exec "$@"'

/** No unit of the machine's is started but what the target of the tests pulls in. */
const boot = `set -e
mount -t proc proc /proc
mount -t tmpfs -o mode=755 tmpfs /run
mkdir -p /run/lock /run/systemd/system
umount -R /sys/fs/cgroup 2>/dev/null || true
mount -t cgroup2 cgroup2 /sys/fs/cgroup
for folder in /etc/systemd/system /var/lib /var/log; do mount -t tmpfs tmpfs "$folder"; done
printf '[Unit]\\nDefaultDependencies=no\\n' > /run/systemd/system/test.target
exec ${systemd} --system --unit=test.target --log-target=console --log-level=notice --show-status=no \\
  --crash-reboot=no < /dev/null > "$FOLDER/systemd.log" 2>&1`

function cgroupRoot(): string | null {
  const mounts = readFileSync('/proc/self/mounts', 'utf8').split('\n')
  return mounts.map((line) => line.split(' ')).find(([, , type]) => type === 'cgroup2')?.[1] ?? null
}

async function firstChild(pid: number): Promise<number> {
  let child = 0
  await until(() => {
    child = Number(readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8').trim().split(' ')[0])
    return child > 0
  }, 'unshare has a child')
  return child
}

/** What was in it dies with its pid 1; the kernel lets go of it a moment later. */
async function removeCgroup(cgroup: string): Promise<void> {
  await until(() => {
    const folders = readdirSync(cgroup, { recursive: true, withFileTypes: true })
      .filter((entry) => entry.isDirectory())
      .map((entry) => join(entry.parentPath, entry.name))
    try {
      for (const path of [...folders.sort().reverse(), cgroup]) rmdirSync(path)
      return true
    } catch {
      return false
    }
  }, `"${cgroup}" can be removed`)
}
