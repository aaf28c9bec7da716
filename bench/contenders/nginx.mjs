import { execFileSync, spawnSync } from 'node:child_process'
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { childrenOf, isAlive, readPid, until } from './processes.mjs'

/** A full path: at SIGUSR2 nginx executes the name that it was started by, without a look at PATH. */
const program = execFileSync('sh', ['-c', 'command -v nginx'], { encoding: 'utf8' }).trim()

/**
 * nginx that answers by itself, with two workers. `binary`: upgraded "on the fly" as its documentation describes, to
 * a new master process; else reloaded.
 */
export function nginx(home, { binary = false } = {}) {
  const folder = join(home, binary ? 'nginx-binary' : 'nginx')
  const pidFile = join(folder, 'nginx.pid')
  const run = (...args) =>
    execFileSync(program, ['-c', join(folder, 'nginx.conf'), '-e', join(folder, 'error.log'), ...args], {
      stdio: 'ignore',
    })
  const master = () => readPid(pidFile)
  return {
    version: spawnSync(program, ['-v'], { encoding: 'utf8' }).stderr.trim().split('/')[1],
    setup: 'worker_processes 2; return 200',
    command: binary ? 'kill -USR2, -WINCH, -QUIT' : 'nginx -s reload',
    async start(port) {
      mkdirSync(folder, { recursive: true })
      writeFileSync(join(folder, 'nginx.conf'), configuration(port, folder))
      run()
      await until('nginx runs two workers', () => childrenOf(master()).length === 2)
    },
    roll: binary ? () => upgradeBinary(pidFile) : () => reload(run, master()),
    async stop() {
      const pid = master()
      run('-s', 'quit')
      await until('nginx has ended', () => !isAlive(pid))
    },
  }
}

async function reload(run, master) {
  const old = childrenOf(master)
  run('-s', 'reload')
  await until('the old workers have ended', () => !old.some(isAlive))
}

async function upgradeBinary(pidFile) {
  const old = readPid(pidFile)
  process.kill(old, 'SIGUSR2')
  const replaced = () => ![null, old].includes(readPid(pidFile))
  await until(
    'the new master runs two workers',
    () => replaced() && childrenOf(readPid(pidFile)).length === 2,
  )
  process.kill(old, 'SIGWINCH')
  process.kill(old, 'SIGQUIT')
  await until('the old master has ended', () => !isAlive(old))
}

const configuration = (port, folder) => `
worker_processes 2;
pid ${folder}/nginx.pid;
events {}
http {
  access_log off;
  server {
    listen 127.0.0.1:${port};
    location / { return 200 "hello"; }
  }
}
`
