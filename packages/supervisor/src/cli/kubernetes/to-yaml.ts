import { Document, isScalar, visit } from 'yaml'
import type { Pair, Scalar } from 'yaml'
import type { Rendered } from '../../kubernetes/render/index.js'

/** One YAML document for each object, with each comment above its field. */
export const toYaml = ({ objects, comments }: Pick<Rendered, 'objects' | 'comments'>): string =>
  objects.map((_, index) => objectYaml({ objects, comments }, index)).join('---\n')

export function objectYaml(
  { objects, comments }: Pick<Rendered, 'objects' | 'comments'>,
  index: number,
): string {
  // Kubernetes reads YAML 1.1, where `on`, `y`, 012 and 1:20 are strings only in quotes.
  const document = new Document(objects[index], { version: '1.1', aliasDuplicateObjects: false })
  for (const { object, path, text } of comments) if (object === index) annotate(document, path, text)
  visit(document, { Scalar: (_, node) => void quoteAmbiguous(node) })
  return document.toString({ lineWidth: 0 })
}

function annotate(document: Document, path: (string | number)[], text: string): void {
  const parent: unknown = document.getIn(path.slice(0, -1))
  const items = (parent as { items?: Pair[] } | undefined)?.items ?? []
  const pair = items.find(({ key }) => isScalar(key) && key.value === path.at(-1))
  if (pair && isScalar(pair.key)) pair.key.commentBefore = ` ${text}`
}

/** Quotes a string that a YAML 1.1 or 1.2 parser could take for a number, a time or a merge key. */
function quoteAmbiguous(node: Scalar): void {
  if (typeof node.value === 'string' && /^([-+.]?\d[\da-fxo_.:+-]*|=|<<)$/i.test(node.value))
    node.type = 'QUOTE_DOUBLE'
}
