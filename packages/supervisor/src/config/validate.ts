import type { KubernetesSpec, Result, ServiceSpec } from '../model/index.js'
import { failed, ok } from '../model/index.js'
import { checkFiles, checkService } from './check.js'
import { checkListeners } from './check-listeners.js'
import { checkProbes } from './check-probes.js'
import { toKubernetesSpec } from './kubernetes.js'
import { toServiceSpec } from './normalise.js'
import type { Locate, Problem } from './problems.js'
import { describeProblems, problemsOf } from './problems.js'
import { configSchema } from './schema.js'

/** A checked configuration with every default filled in. */
export interface LoadedConfig {
  /** Absolute path. Null for the command line. */
  file: string | null
  /** The supervisor's name. Null if it is not set. */
  name: string | null
  services: ServiceSpec[]
  /** The section `kubernetes` of each service, by the service's name. */
  kubernetes: Record<string, KubernetesSpec>
  /** Sentences for the user that are no errors: what the configuration printed. */
  notes: string[]
}

export interface ConfigSource {
  file: string | null
  /** Absolute path from which relative ones start. */
  folder: string
  locate: Locate
}

/** Checks everything that can be checked without starting anything; a failure has one line for each problem. */
export function validateConfig(input: unknown, source: ConfigSource): Result<LoadedConfig> {
  const parsed = configSchema.safeParse(input)
  if (!parsed.success) return usage(problemsOf(parsed.error.issues, input), source)

  const services = Object.entries(parsed.data.services).map(([name, fields]) => ({
    name,
    fields,
    spec: toServiceSpec(name, fields, source.folder),
  }))
  const specs = services.map(({ spec }) => spec)
  const problems = [
    ...services.flatMap(({ name, fields }) => [...checkService(name, fields), ...checkProbes(name, fields)]),
    ...checkListeners(specs),
    ...services.flatMap(({ spec, fields }) => checkFiles(spec, fields)),
  ]
  if (problems.length > 0) return usage(problems, source)
  const written = (input as { services: Record<string, unknown> }).services
  const kubernetes = Object.fromEntries(
    services.map(({ name, fields }) => [name, toKubernetesSpec(fields, written[name])]),
  )
  return ok({ file: source.file, name: parsed.data.name ?? null, services: specs, kubernetes, notes: [] })
}

const usage = (problems: Problem[], { locate }: ConfigSource) =>
  failed('Usage', describeProblems(problems, locate))
