import { execFileSync, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmdirSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

/** A file system of a few megabytes, in a mount namespace of its own: full only for those who are in it. */
export interface SmallDisk {
  /** Where it is mounted, inside. */
  folder: string
  /** What to put before a command to run it inside, in this working folder. */
  inside(cwd: string): string[]
  /** The path by which a process outside reaches a file inside. */
  outside(path: string): string
  /** Until there is no room for another byte. */
  fill(): void
  /** Until there is no room for another file. */
  fillWithFiles(): void
  /** Takes away what `fill` wrote. */
  free(): void
  close(): Promise<void>
}

/** Why there can be none here; null where there can. */
export function smallDiskUnavailable(): string | null {
  if (process.getuid?.() !== 0) return 'only root may mount'
  try {
    execFileSync('unshare', ['--mount', 'mount', '-t', 'tmpfs', 'none', '/mnt'], { stdio: 'pipe' })
    return null
  } catch {
    return 'a tmpfs in a mount namespace is not to be had here'
  }
}

/** A tmpfs of 3 MB and 200 files. */
export async function openSmallDisk(): Promise<SmallDisk> {
  const folder = mkdtempSync(join(tmpdir(), 'disk-'))
  const mount = 'mount -t tmpfs -o size=3m,nr_inodes=200 none "$1" && echo mounted && exec cat'
  // It ends with its standard input, so also when the test is killed.
  const holder = spawn('unshare', ['--mount', '--propagation', 'private', 'sh', '-c', mount, 'sh', folder], {
    stdio: ['pipe', 'pipe', 'inherit'],
  })
  await once(holder.stdout, 'data')
  const enter = ['-t', String(holder.pid), '-m', '--']
  const run = (script: string) =>
    void execFileSync('nsenter', [...enter, 'sh', '-c', script, 'sh', folder], { stdio: 'pipe' })
  return {
    folder,
    // nsenter(1) changes to the root folder.
    inside: (cwd) => ['nsenter', ...enter, 'sh', '-c', 'cd "$0" && exec "$@"', cwd],
    outside: (path) => `/proc/${holder.pid}/root${path}`,
    fill: () => run('mkdir -p "$1/fill"; dd if=/dev/zero of="$1/fill/bytes" bs=1k || true'),
    fillWithFiles: () =>
      run('mkdir -p "$1/fill"; i=0; while touch "$1/fill/$i" 2> /dev/null; do i=$((i + 1)); done'),
    free: () => run('rm -r "$1/fill"'),
    async close() {
      holder.stdin.end()
      await once(holder, 'exit')
      rmdirSync(folder)
    },
  }
}
