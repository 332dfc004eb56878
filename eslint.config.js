import js from '@eslint/js';
import boundaries from 'eslint-plugin-boundaries';
import reactHooks from 'eslint-plugin-react-hooks';
import globals from 'globals';
import typescript from 'typescript-eslint';

/** The rooms of src/ and what each may import; design: dependencies point down only. */
const ROOMS = {
  app: [
    'ui',
    'state',
    'engine-client',
    'packages',
    'history',
    'library',
    'records',
    'i18n',
    'platform',
    'shared',
  ],
  ui: ['ui', 'state', 'dose', 'i18n', 'shared'],
  state: [
    'engine-client',
    'engine-shared',
    'packages',
    'history',
    'library',
    'records',
    'platform',
    'shared',
  ],
  'engine-worker': ['engine-shared', 'packages', 'platform', 'shared'],
  'engine-client': ['engine-shared', 'packages', 'platform', 'shared'],
  'engine-shared': ['shared'],
  packages: ['platform', 'shared', 'schema'],
  history: ['platform', 'shared'],
  library: ['platform', 'shared'],
  dose: [],
  records: ['dose', 'shared'],
  i18n: ['shared'],
  platform: ['engine-shared', 'shared'],
  sw: ['shared'],
  shared: [],
  schema: [],
};
const folderOf = (room) => `src/${room.replace('engine-', 'engine/')}`;

export default typescript.config(
  { ignores: ['dist', 'convert/**/*', 'tests/output', 'public'] },
  js.configs.recommended,
  ...typescript.configs.strict,
  {
    languageOptions: { globals: { ...globals.browser, ...globals.node, ...globals.serviceworker } },
    plugins: { 'react-hooks': reactHooks },
    rules: {
      'react-hooks/rules-of-hooks': 'error',
      'react-hooks/exhaustive-deps': 'error',
      eqeqeq: ['error', 'always', { null: 'ignore' }],
      '@typescript-eslint/consistent-type-imports': 'error',
      '@typescript-eslint/no-unused-vars': ['error', { argsIgnorePattern: '^_', ignoreRestSiblings: true }],
      '@typescript-eslint/no-empty-function': 'off',
      'no-restricted-properties': [
        'error',
        { property: 'innerHTML', message: 'Model and user text is inert: make elements.' },
        { property: 'outerHTML', message: 'Model and user text is inert: make elements.' },
        { property: 'dangerouslySetInnerHTML', message: 'Model and user text is inert: make elements.' },
      ],
      'no-eval': 'error',
      'no-new-func': 'error',
    },
  },
  {
    files: ['src/**/*.{ts,tsx}'],
    plugins: { boundaries },
    settings: {
      'import/resolver': { node: { extensions: ['.ts', '.tsx', '.js'] } },
      'boundaries/elements': [
        { type: 'schema', pattern: 'convert/hypnos_convert/schema', partialMatch: false },
        ...Object.keys(ROOMS)
          .filter((room) => room !== 'schema')
          .map((room) => ({ type: room, pattern: folderOf(room), partialMatch: false })),
      ],
    },
    rules: {
      'boundaries/dependencies': [
        'error',
        {
          default: 'disallow',
          policies: Object.entries(ROOMS).map(([room, allowed]) => ({
            from: { element: { type: room } },
            allow: [room, ...allowed].map((type) => ({ to: { element: { type } } })),
          })),
        },
      ],
    },
  },
  {
    files: ['src/**/*.{ts,tsx}'],
    ignores: ['src/engine/worker/**'],
    rules: {
      'no-restricted-imports': [
        'error',
        { paths: [{ name: '@mlc-ai/web-llm', message: 'Only src/engine/worker imports an engine.' }] },
      ],
    },
  },
  { files: ['tests/**/*'], rules: { '@typescript-eslint/no-non-null-assertion': 'off' } },
);
