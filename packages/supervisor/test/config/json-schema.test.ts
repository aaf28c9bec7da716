import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { test } from 'node:test'
import { jsonSchema } from '../../dist/config/schema.js'

const file = new URL('../../schema/handover.schema.json', import.meta.url)

test('jsonSchema() is what is published; after a change run node scripts/schema.mjs', () => {
  assert.deepEqual(JSON.parse(readFileSync(file, 'utf8')), JSON.parse(JSON.stringify(jsonSchema())))
})

test('jsonSchema() describes every field of a service', () => {
  const schema = JSON.parse(JSON.stringify(jsonSchema())) as {
    properties: {
      services: { additionalProperties: { properties: Record<string, { description?: string }> } }
    }
  }
  const fields = Object.entries(schema.properties.services.additionalProperties.properties)
  assert.ok(fields.length > 20)
  assert.deepEqual(
    fields.filter(([, { description }]) => !description).map(([field]) => field),
    [],
  )
})
