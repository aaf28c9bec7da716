import cluster, { type Worker } from 'node:cluster'
import { EventEmitter } from 'node:events'
import { syncBuiltinESMExports } from 'node:module'

/**
 * From now on `cluster.fork()` starts nothing. Applications replace a worker that exits, by
 * `cluster.on('exit', () => cluster.fork())`; the last workers of a drain must stay the last. They get a
 * worker that is dead already, since nobody expects an error from a call that never threw.
 */
export function refuseForks(): void {
  cluster.fork = () => deadWorker()
  syncBuiltinESMExports()
}

function deadWorker(): Worker {
  const { Worker: WorkerClass } = cluster as unknown as { Worker: new (options: object) => Worker }
  return new WorkerClass({ id: 0, state: 'dead', process: neverStarted() })
}

/** Looks like the ChildProcess of a process that has ended with 0. */
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
