/**
 * Options of Node for the supervisor, which makes little garbage but lives long: with V8's default young
 * generation of 16 MiB it grew by 25 MB over 150 upgrades before the first collection.
 */
export const smallHeap = ['--max-semi-space-size=1', '--optimize-for-size']
