/** Splits text that arrives in chunks into lines. */
export class LineSplitter {
  #rest = ''

  /** The lines that end in this chunk, without their newlines. */
  push(chunk: string): string[] {
    const lines = (this.#rest + chunk).split('\n')
    this.#rest = lines.pop() ?? ''
    return lines
  }

  /** The beginning of a line that has not ended yet. */
  get rest(): string {
    return this.#rest
  }

  /** Discards `rest`. */
  drop(): void {
    this.#rest = ''
  }
}
