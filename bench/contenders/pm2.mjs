import { execFile, execFileSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'

const execute = promisify(execFile)
const application = fileURLToPath(new URL('../app.cjs', import.meta.url))
const gracefulApplication = fileURLToPath(new URL('../graceful.cjs', import.meta.url))

/** Installs PM2 from npm below `home`; returns the folder of the package. */
export function installPm2(home) {
  const folder = join(home, 'pm2-package')
  execFileSync('npm', ['install', '--prefix', folder, '--ignore-scripts', '--no-audit', '--no-fund', 'pm2'], {
    stdio: 'ignore',
  })
  return join(folder, 'node_modules', 'pm2')
}

/**
 * PM2 in cluster mode. `graceful`: set up as its documentation recommends, with an application that closes its server
 * on SIGINT and says "ready"; else the same application as the others, which knows nothing of signals.
 */
export function pm2(folder, home, { graceful = false } = {}) {
  const bin = join(folder, 'bin', 'pm2')
  const options = graceful ? ['--wait-ready', '--kill-timeout', '10000'] : []
  const run = (args, port) =>
    execute(process.execPath, [bin, ...args], {
      env: { ...process.env, PM2_HOME: join(home, 'pm2'), ...(port && { PORT: String(port) }) },
    })
  return {
    version: JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8')).version,
    setup: `${graceful ? 'bench/graceful.cjs' : 'bench/app.cjs'}, ${['-i 2', ...options].join(' ')}`,
    command: 'pm2 reload',
    start: (port) =>
      run(
        ['start', graceful ? gracefulApplication : application, '-i', '2', '--name', 'bench', ...options],
        port,
      ),
    roll: () => run(['reload', 'bench']),
    supervisorPid: () => Number(readFileSync(join(home, 'pm2', 'pm2.pid'), 'utf8')),
    stop: () => run(['kill']),
  }
}
