import { existsSync, readdirSync } from 'node:fs'
import { join } from 'node:path'
import type { Explanation, LogFile, ServiceHistory, Supervisor } from '../control/api.js'
import type { Status } from '../model/index.js'
import type { Engine } from '../engine/index.js'
import type { SpecReader } from '../config/reader.js'
import { operate } from './operations/index.js'
import { serviceStatus } from './status.js'

export interface SupervisorIdentity {
  name: string
  version: string
  startedAt: number
  /** Folder of the instances' logs: `<service>/<instance>.log`. */
  logs: string
}

/** Answers the requests of the control API from the engine. */
export function supervisor(identity: SupervisorIdentity, engine: Engine, source: SpecReader): Supervisor {
  const chosen = (service?: string) =>
    engine.services().filter(({ state }) => service === undefined || state.name === service)

  return {
    status: () => ({
      supervisor: {
        name: identity.name,
        pid: process.pid,
        version: identity.version,
        startedAt: identity.startedAt,
        rssBytes: process.memoryUsage.rss(),
        config: source.config(),
        ...backlogOf(engine),
      },
      services: engine.services().map((view) => serviceStatus(view, Date.now())),
    }),
    history: (service) =>
      chosen(service).map(({ state }): ServiceHistory => ({
        service: state.name,
        revisions: engine
          .history(state.name)
          .map((entry) => ({ ...entry, current: entry.revision.number === state.target })),
      })),
    explain: (service) =>
      chosen(service).map((view): Explanation => ({
        service: view.state.name,
        lines: engine.explain(view.state.name),
      })),
    logs: (service) => chosen(service).flatMap(({ state }) => logFiles(identity.logs, state.name)),
    subscribe: (listener) => engine.subscribe(listener),
    operate: (operation, tell) => operate(engine, source, operation, tell),
  }
}

function backlogOf(engine: Engine): Pick<Status['supervisor'], 'journalBacklog'> {
  const journalBacklog = engine.journalBacklog()
  return journalBacklog ? { journalBacklog } : {}
}

function logFiles(folder: string, service: string): LogFile[] {
  const path = join(folder, service)
  if (!existsSync(path)) return []
  return readdirSync(path)
    .filter((file) => file.endsWith('.log'))
    .map((file) => ({ service, instance: file.slice(0, -'.log'.length), path: join(path, file) }))
}
