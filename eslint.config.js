import { join } from 'node:path'
import js from '@eslint/js'
import tseslint from 'typescript-eslint'
import roomsPlugin from './scripts/lint/rooms-plugin.mjs'

/**
 * The rooms of each package, and which others each of them may import. ARCHITECTURE.md shows the same tables, and
 * scripts/check-rooms.mjs compares them. A room is a folder or a file of `src`; a file belongs to the room with the
 * longest name. A folder that is in no room is an error. `#shared` is packages/shared/src, which both packages bundle.
 */
export const rooms = {
  'packages/supervisor': {
    '#shared': [],
    model: [],
    rollout: ['model'],
    'systemd/units': ['model'],
    'kubernetes/render': ['model'],
    'kubernetes/rollout': ['model'],
    'ports.ts': ['model'],
    'buffered-observer.ts': ['ports.ts'],
    'tail.ts': ['#shared'],
    'version.ts': [],
    'kubernetes/api': ['kubernetes/rollout', 'model'],
    verify: ['#shared', 'model'],
    config: ['#shared', 'model'],
    control: ['#shared', 'model'],
    'adapters/linux': ['#shared', 'ports.ts', 'model'],
    adapters: ['#shared', 'adapters/linux', 'ports.ts', 'buffered-observer.ts', 'model'],
    'systemd/manager': ['#shared', 'systemd/units', 'adapters/linux', 'ports.ts', 'model'],
    engine: ['rollout', 'ports.ts', 'buffered-observer.ts', 'model'],
    daemon: [
      'engine',
      'rollout',
      'systemd/manager',
      'adapters',
      'control',
      'config',
      'systemd/units',
      'ports.ts',
      'version.ts',
      'model',
    ],
    cli: [
      'daemon',
      'control',
      'config',
      'verify',
      'kubernetes/api',
      'kubernetes/rollout',
      'kubernetes/render',
      'systemd/units',
      'tail.ts',
      'version.ts',
      'model',
    ],
  },
  'packages/process': {
    '#shared': [],
    protocol: [],
    system: ['#shared'],
    node: [],
    listeners: ['#shared', 'protocol', 'system', 'node'],
    announce: ['#shared', 'protocol', 'system', 'node', 'listeners'],
    connections: ['protocol', 'node'],
    move: ['#shared', 'protocol', 'system', 'node', 'listeners', 'connections'],
    drain: ['connections', 'move'],
    probes: ['protocol', 'node', 'listeners', 'announce'],
    'in-place': ['protocol', 'system', 'node', 'announce', 'connections', 'move', 'drain'],
    alone: ['#shared', 'protocol', 'system', 'node', 'listeners', 'announce'],
    service: [
      'protocol',
      'system',
      'node',
      'listeners',
      'announce',
      'connections',
      'move',
      'drain',
      'probes',
      'in-place',
      'alone',
    ],
    preload: [
      'protocol',
      'system',
      'node',
      'listeners',
      'announce',
      'connections',
      'probes',
      'alone',
      'service',
    ],
    'index.ts': ['protocol', 'system', 'listeners', 'connections', 'probes', 'in-place', 'alone', 'service'],
    'register.ts': ['preload'],
    'protocol.ts': ['protocol'],
  },
}

/** The packages whose tables the linter enforces. */
export const enforced = ['packages/supervisor', 'packages/process']
/** The packages in which no import may close a circle. */
const withoutCircles = ['packages/supervisor', 'packages/process', 'packages/shared']

/** Rooms of the supervisor that compile with no Node types in scope: see tsconfig.pure.json. */
export const pure = ['model', 'rollout', 'systemd/units', 'kubernetes/render', 'kubernetes/rollout']

const roomRules = enforced.map((name) => ({
  files: [`${name}/src/**/*.ts`],
  plugins: { rooms: roomsPlugin },
  rules: {
    'rooms/allowed': ['error', { folder: join(import.meta.dirname, name, 'src'), rooms: rooms[name] }],
  },
}))

const circleRules = withoutCircles.map((name) => ({
  files: [`${name}/src/**/*.ts`],
  plugins: { rooms: roomsPlugin },
  rules: { 'rooms/no-circle': ['error', { folder: join(import.meta.dirname, name, 'src') }] },
}))

export default tseslint.config(
  { ignores: ['**/dist/**', '**/dist-test/**', '**/node_modules/**', '**/fixtures/**', 'examples/**'] },
  js.configs.recommended,
  {
    files: ['**/*.ts'],
    extends: [tseslint.configs.recommendedTypeChecked],
    languageOptions: {
      parserOptions: { projectService: true, tsconfigRootDir: import.meta.dirname },
    },
    rules: {
      '@typescript-eslint/switch-exhaustiveness-check': [
        'error',
        { considerDefaultExhaustiveForUnions: true, requireDefaultForNonUnion: true },
      ],
      '@typescript-eslint/no-floating-promises': [
        'error',
        {
          allowForKnownSafeCalls: [
            { from: 'package', package: 'node:test', name: ['test', 'it', 'describe', 'suite'] },
          ],
        },
      ],
      '@typescript-eslint/no-unused-vars': ['error', { argsIgnorePattern: '^_', varsIgnorePattern: '^_' }],
      '@typescript-eslint/consistent-type-imports': 'error',
      // Our interfaces are records of closures: nothing in them has a `this`.
      '@typescript-eslint/unbound-method': 'off',
    },
  },
  {
    files: ['**/*.js', '**/*.mjs', '**/*.cjs'],
    languageOptions: {
      globals: {
        process: 'readonly',
        console: 'readonly',
        URL: 'readonly',
        setTimeout: 'readonly',
        performance: 'readonly',
        Buffer: 'readonly',
        require: 'readonly',
        fetch: 'readonly',
        __filename: 'readonly',
        AbortController: 'readonly',
      },
    },
  },
  {
    files: pure.map((room) => `packages/supervisor/src/${room}/**/*.ts`),
    rules: {
      'no-restricted-properties': [
        'error',
        { object: 'Date', property: 'now', message: 'Pure code takes the time as an argument.' },
        { object: 'Math', property: 'random', message: 'Pure code has no chance in it.' },
      ],
    },
  },
  ...roomRules,
  ...circleRules,
)
