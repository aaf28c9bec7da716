// Loaded by module.register() in own-config.ts, into the thread that resolves imports.

import type { InitializeHook, ResolveHook } from 'node:module'

let own = ''

export const initialize: InitializeHook<string> = (url) => {
  own = url
}

export const resolve: ResolveHook = (specifier, context, next) =>
  specifier === 'handover/config' ? { url: own, shortCircuit: true } : next(specifier, context)
