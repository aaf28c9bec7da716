import js from '@eslint/js'
import tseslint from 'typescript-eslint'

/** Folders of the supervisor and what each of them may import: downwards only (see ARCHITECTURE.md). */
const mayNotImport = (folder, ...forbidden) => ({
  files: [`packages/supervisor/src/${folder}/**/*.ts`],
  rules: {
    'no-restricted-imports': [
      'error',
      {
        patterns: forbidden.map((name) => ({
          regex: `^\\.\\./(.*/)?${name}(/|\\.js$)`,
          message: `${folder}/ may not import ${name}: imports go downwards only.`,
        })),
      },
    ],
  },
})

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
    files: ['packages/supervisor/src/{model,rollout,emit,deployment}/**/*.ts'],
    rules: {
      'no-restricted-properties': [
        'error',
        { object: 'Date', property: 'now', message: 'Pure code takes the time as an argument.' },
        { object: 'Math', property: 'random', message: 'Pure code has no chance in it.' },
      ],
    },
  },
  mayNotImport('model', 'rollout', 'engine', 'adapters', 'control', 'config', 'cli', 'ports', 'daemon'),
  mayNotImport('rollout', 'engine', 'adapters', 'control', 'config', 'cli', 'ports', 'daemon'),
  mayNotImport('emit', 'rollout', 'engine', 'adapters', 'control', 'config', 'cli', 'ports', 'daemon'),
  mayNotImport(
    'deployment',
    'emit',
    'engine',
    'adapters',
    'control',
    'config',
    'cli',
    'ports',
    'daemon',
    'kubernetes',
  ),
  mayNotImport('kubernetes', 'engine', 'adapters', 'control', 'config', 'cli', 'daemon'),
  mayNotImport('engine', 'adapters', 'control', 'config', 'cli', 'daemon'),
  mayNotImport('adapters', 'engine', 'control', 'rollout', 'cli', 'daemon'),
  mayNotImport('control', 'engine', 'adapters', 'cli', 'daemon', 'rollout'),
  mayNotImport('config', 'engine', 'adapters', 'control', 'cli', 'daemon', 'rollout'),
  mayNotImport('verify', 'rollout', 'engine', 'adapters', 'control', 'config', 'cli', 'ports', 'daemon'),
  mayNotImport('cli', 'engine', 'adapters', 'rollout'),
)
