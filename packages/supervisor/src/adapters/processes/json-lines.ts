const newline = 0x0a

/**
 * Cuts a stream of bytes into lines. Null in place of a line: it was longer than the limit, and what follows
 * makes no sense any more.
 */
export function lineSplitter(maxBytes: number): (chunk: Buffer) => (string | null)[] {
  let pending: Buffer[] = []
  let pendingBytes = 0

  return (chunk) => {
    const lines: (string | null)[] = []
    let start = 0
    for (let end; (end = chunk.indexOf(newline, start)) !== -1; start = end + 1) {
      if (pendingBytes + end - start > maxBytes) return [...lines, null]
      lines.push(Buffer.concat([...pending, chunk.subarray(start, end)]).toString())
      pending = []
      pendingBytes = 0
    }
    pending.push(chunk.subarray(start))
    pendingBytes += chunk.length - start
    return pendingBytes > maxBytes ? [...lines, null] : lines
  }
}
