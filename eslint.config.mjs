// ESLint 10 reads flat configuration only. The rules live in .eslintrc.json; this translates them.
import { readFileSync } from 'node:fs';
import { FlatCompat } from '@eslint/eslintrc';
import js from '@eslint/js';

const { ignorePatterns, ...rules } = JSON.parse(readFileSync(new URL('.eslintrc.json', import.meta.url), 'utf8'));
const compat = new FlatCompat({ baseDirectory: import.meta.dirname, recommendedConfig: js.configs.recommended });
export default [{ ignores: ignorePatterns.map((each) => `**/${each}/**`) }, ...compat.config(rules)];
