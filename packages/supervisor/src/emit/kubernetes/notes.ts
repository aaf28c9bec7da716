import type { KubernetesOrder } from './order.js'
export const notesOf = (_order: KubernetesOrder): string[] => []
