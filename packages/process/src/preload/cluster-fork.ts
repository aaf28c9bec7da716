import cluster, { type Worker } from 'node:cluster'
import { EventEmitter } from 'node:events'
import { syncBuiltinESMExports } from 'node:module'

/**
 * From now on `cluster.fork()` starts nothing: applications replace a worker that exits, with
 * `cluster.on('exit', () => cluster.fork())`, and a drain must not start workers. The call returns a worker that is
 * dead, as applications do not expect an error from a function that never threw.
 */
export function refuseForks(): void {
  cluster.fork = () => deadWorker()
  syncBuiltinESMExports()
}

function deadWorker(): Worker {
  const { Worker: WorkerClass } = cluster as unknown as { Worker: new (options: object) => Worker }
  return new WorkerClass({ id: 0, state: 'dead', process: neverStarted() })
}

/** Looks like the ChildProcess of a process that has exited with 0. */
function neverStarted(): EventEmitter {
  return Object.assign(new EventEmitter(), {
    pid: undefined,
    connected: false,
    exitCode: 0,
    signalCode: null,
    kill: () => false,
    send: () => false,
    disconnect: () => {},
  })
}
