/** The words of a `node` command: its options, and the script that it runs, if any. */
export interface NodeWords {
  options: string[]
  script: string | undefined
}

/** The options of Node 20 to 26 that read the next word as their value, unless it follows `=`. */
export const optionsWithValue: ReadonlySet<string> = new Set(
  `-C -r --allow-fs-read --allow-fs-write --bench-isolation --bench-name-pattern --bench-reporter
  --bench-reporter-destination --bench-samples --bench-warmup --build-sea --build-snapshot-config --conditions
  --config-file --cpu-prof-dir --cpu-prof-interval --cpu-prof-name --debug-port --diagnostic-dir --disable-proto
  --disable-warning --dns-result-order --env-file --env-file-if-exists --experimental-config-file
  --experimental-default-type --experimental-loader --experimental-package-map --experimental-policy
  --experimental-sea-config --experimental-test-isolation --experimental-test-tag-filter --heap-prof-dir
  --heap-prof-interval --heap-prof-name --heapsnapshot-near-heap-limit --heapsnapshot-signal --icu-data-dir --import
  --input-type --inspect-port --inspect-publish-uid --loader --localstorage-file --max-http-header-size
  --max-old-space-size-percentage --network-family-autoselection-attempt-timeout --openssl-config --policy-integrity
  --process-timeout --redirect-warnings --report-dir --report-directory --report-filename --report-signal --require
  --secure-heap --secure-heap-min --security-revert --security-reverts --snapshot-blob --stack-trace-limit
  --test-concurrency --test-coverage-branches --test-coverage-exclude --test-coverage-functions
  --test-coverage-include --test-coverage-lines --test-global-setup --test-isolation --test-name-pattern
  --test-random-seed --test-reporter --test-reporter-destination --test-rerun-failures --test-shard
  --test-skip-pattern --test-timeout --title --tls-cipher-list --tls-keylog --trace-event-categories
  --trace-event-file-pattern --trace-require-module --unhandled-rejections --use-largepages --v8-pool-size --vfs-load
  --watch-kill-signal --watch-path`.split(/\s+/),
)

/** Options that make Node run or print something else than a script. */
export const optionsWithoutScript: ReadonlySet<string> = new Set(
  `-c -e -h -i -p -pe -v --bench --build-sea --build-snapshot --check --completion-bash --eval
  --experimental-sea-config --help --interactive --print --prof-process --run --test --v8-options --version`.split(
    /\s+/,
  ),
)

/**
 * Splits Node's arguments as Node does (node_options-inl.h): `--` ends the options, `-` is a script from standard
 * input, `_` is read as `-`, and only an option with two dashes has a value after `=`.
 */
export function divideNodeWords(words: readonly string[]): NodeWords {
  let index = 0
  for (; isOption(words[index]); index += takesNextWord(words[index]) ? 2 : 1) {
    if (optionsWithoutScript.has(optionName(words[index]))) return { options: [...words], script: undefined }
    if (words[index] === '--') return { options: words.slice(0, index), script: words[index + 1] }
  }
  return { options: words.slice(0, index), script: words[index] }
}

/** The name of an option, without its value: `--env-file` for `--env_file=.env`. */
export function optionName(word = ''): string {
  const [name = ''] = word.startsWith('--') ? word.split('=') : [word]
  return name.slice(0, 2) + name.slice(2).replaceAll('_', '-')
}

/**
 * Splits NODE_OPTIONS as Node does: at spaces, except within double quotes, where a backslash escapes. Returns null if
 * a quote is not closed, which Node refuses.
 */
export function splitNodeOptions(text: string): string[] | null {
  const words: string[] = []
  let word: string | null = null
  let quoted = false
  for (let at = 0; at < text.length; at += 1) {
    let char = text.charAt(at)
    if (char === ' ' && !quoted) {
      if (word !== null) words.push(word)
      word = null
      continue
    }
    if (char === '"') {
      quoted = !quoted
      word ??= ''
      continue
    }
    if (char === '\\' && quoted) {
      at += 1
      if (at === text.length) return null
      char = text.charAt(at)
    }
    word = (word ?? '') + char
  }
  if (word !== null) words.push(word)
  return quoted ? null : words
}

const isOption = (word: string | undefined): boolean =>
  word !== undefined && word.length > 1 && word.startsWith('-')

/** Whether this option reads the next word as its value. */
export const takesNextWord = (word = ''): boolean =>
  optionsWithValue.has(optionName(word)) && !(word.startsWith('--') && word.includes('='))
