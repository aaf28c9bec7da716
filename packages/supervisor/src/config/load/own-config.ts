import * as module from 'node:module'

const own = new URL('../index.js', import.meta.url).href

type Resolve = (
  specifier: string,
  context: object,
  next: (specifier: string, context: object) => unknown,
) => unknown

/** Node 22.15 and later; missing from the types of the oldest supported Node. */
const { registerHooks } = module as { registerHooks?: (hooks: { resolve: Resolve }) => void }

/** Lets a configuration import `handover/config` where no node_modules beside it has handover. */
export function resolveOwnConfig(): void {
  if (!registerHooks) {
    module.register('./own-config-hook.js', import.meta.url, { data: own })
    return
  }
  registerHooks({
    resolve(specifier, context, next) {
      return specifier === 'handover/config' ? { url: own, shortCircuit: true } : next(specifier, context)
    },
  })
}
