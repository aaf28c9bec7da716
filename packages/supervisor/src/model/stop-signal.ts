import type { ServiceSpec } from './spec.js'

/** The signal that makes an instance drain. Default: SIGTERM, as in Kubernetes and systemd. */
export const stopSignalOf = ({ lifecycle }: Pick<ServiceSpec, 'lifecycle'>): string =>
  lifecycle?.stopSignal ?? 'SIGTERM'
