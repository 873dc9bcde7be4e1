#!/usr/bin/env node
// `npx tsc -p tsconfig.build.json --watch` in another terminal keeps dist fresh; this shows stack traces of what runs.
process.env.AWS_SDK_JS_NODE_VERSION_SUPPORT_WARNING_DISABLED ??= 'true';
const { execute } = await import('@oclif/core');
await execute({ development: true, dir: import.meta.url });
