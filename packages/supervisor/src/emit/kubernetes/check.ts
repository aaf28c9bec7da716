import type { KubernetesOrder } from './order.js'
export const problemsOf = (order: KubernetesOrder): string[] =>
  order.services.flatMap(({ spec, kubernetes }) =>
    kubernetes.image === undefined
      ? [`services.${spec.name}.kubernetes has no image, wanted "image", or --set image=…`]
      : [],
  )
