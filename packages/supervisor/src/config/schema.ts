import { z } from 'zod'
import { fields, name } from './schema/common.js'
import { service } from './schema/service.js'

/** The file format: the source of the checks, of the types and of the published JSON Schema. */
export const configSchema = fields({
  $schema: z
    .string({ error: 'the address of a JSON Schema' })
    .optional()
    .meta({ description: 'Address of the JSON Schema, for editors' }),
  name: name.optional().meta({ description: 'Name of the supervisor. Default: the name of the folder' }),
  services: z
    .record(name, service, { error: 'an object of services, such as { web: { script: "server.js" } }' })
    .refine((services) => Object.keys(services).length > 0, { error: 'at least one service' })
    .meta({ description: 'The services, by name' }),
}).meta({ title: 'handover', description: 'Configuration of handover' })

/** A configuration file as it is written. */
export type Config = z.input<typeof configSchema>

/** One service as it is written in a configuration file. */
export type ServiceConfig = Config['services'][string]

export type ConfigFields = z.output<typeof configSchema>

/** The JSON Schema of the file format (draft 2020-12), for editors. */
export function jsonSchema(): object {
  return z.toJSONSchema(configSchema, {
    io: 'input',
    override({ jsonSchema }) {
      // Where no bound is set, Zod writes the range of safe integers.
      if (jsonSchema.maximum === Number.MAX_SAFE_INTEGER) delete jsonSchema.maximum
      if (jsonSchema.minimum === Number.MIN_SAFE_INTEGER) delete jsonSchema.minimum
    },
  })
}
