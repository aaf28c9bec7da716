import type { TestContext } from 'node:test'
import { startLoad, type Load, type LoadOptions } from '../dist/verify/index.js'

/** Starts a load that ends with the test at the latest. Otherwise it would keep the process of a failed test alive. */
export function loadFor(t: TestContext, options: LoadOptions): Load {
  const load = startLoad(options)
  t.after(() => load.stop())
  return load
}
