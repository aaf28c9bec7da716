import { readFileSync, statSync } from 'node:fs'
import type { ServiceSpec } from '../model/index.js'
import { toStrategy, isZero } from './normalise.js'
import type { Problem } from './problems.js'
import type { Path } from './show.js'
import { show } from './show.js'
import type { ServiceFields } from './schema/service.js'

/** Finds fields of one service that contradict each other. */
export function checkService(name: string, fields: ServiceFields): Problem[] {
  const at = (...path: PropertyKey[]): Path => ['services', name, ...path]
  const pods = fields.kubernetes?.strategy
  return [
    ...checkProgram(fields, at),
    ...checkStrategy(fields.strategy, at('strategy')),
    ...(pods ? checkStrategy(pods, at('kubernetes', 'strategy')) : []),
    ...checkDrain(fields, at),
  ]
}

type At = (...path: PropertyKey[]) => Path

function checkProgram({ command, script, envFile, envFiles }: ServiceFields, at: At): Problem[] {
  const problems: Problem[] = []
  if (command === undefined && script === undefined) {
    problems.push({ path: at(), text: 'has no command, wanted a "command" or a "script"' })
  }
  if (command !== undefined && script !== undefined) {
    problems.push({ path: at(), text: 'has both "command" and "script", wanted one of them' })
  }
  if (envFile !== undefined && envFiles.length > 0) {
    problems.push({ path: at(), text: 'has both "envFile" and "envFiles", wanted one of them' })
  }
  return problems
}

function checkStrategy(strategy: ServiceFields['strategy'], at: Path): Problem[] {
  const path = [...at, 'rollingUpdate']
  if (strategy.type !== 'RollingUpdate') {
    if (strategy.rollingUpdate === undefined) return []
    return [
      {
        path,
        text: `is set though strategy.type is "${strategy.type}", wanted no rollingUpdate or type "RollingUpdate"`,
      },
    ]
  }
  const normal = toStrategy(strategy)
  if (normal.type !== 'RollingUpdate') return []
  const { maxSurge, maxUnavailable } = normal.rollingUpdate
  if (isZero(maxSurge) && isZero(maxUnavailable)) {
    const both = `has maxSurge ${show(maxSurge)} and maxUnavailable ${show(maxUnavailable)}`
    return [
      { path, text: `${both}, wanted at least one of them above 0: otherwise no instance can be replaced` },
    ]
  }
  if (typeof maxUnavailable === 'string' && Number.parseInt(maxUnavailable) > 100) {
    return [{ path: [...path, 'maxUnavailable'], text: `is "${maxUnavailable}", wanted at most "100%"` }]
  }
  return []
}

function checkDrain({ drain, terminationGracePeriodSeconds: grace }: ServiceFields, at: At): Problem[] {
  const { timeoutSeconds } = drain
  if (timeoutSeconds === undefined || timeoutSeconds < grace) return []
  const wanted = `less than terminationGracePeriodSeconds, which is ${grace}`
  return [{ path: at('drain', 'timeoutSeconds'), text: `is ${timeoutSeconds}, wanted ${wanted}` }]
}

/** Finds files and folders that must exist when the configuration is read, and do not. */
export function checkFiles(spec: ServiceSpec, { envFile }: ServiceFields): Problem[] {
  const at = (...path: PropertyKey[]): Path => ['services', spec.name, ...path]
  const problems: Problem[] = []
  const reason = noFolder(spec.cwd)
  if (reason !== null) problems.push({ path: at('cwd'), text: `is "${spec.cwd}", which ${reason}` })
  for (const file of spec.envFiles) {
    const reason = unreadable(file)
    if (reason !== null)
      problems.push({
        path: at(envFile === undefined ? 'envFiles' : 'envFile'),
        text: `names "${file}", which ${reason}`,
      })
  }
  return problems
}

function noFolder(path: string): string | null {
  try {
    return statSync(path).isDirectory() ? null : 'is not a folder'
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException
    return code === 'EACCES' ? 'is in a folder that this user may not enter' : 'is not a folder'
  }
}

function unreadable(file: string): string | null {
  try {
    readFileSync(file)
    return null
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException
    if (code === 'ENOENT') return 'does not exist'
    if (code === 'EISDIR') return 'is a folder, not a file'
    return `cannot be read (${code})`
  }
}
