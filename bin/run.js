#!/usr/bin/env node
import module from 'node:module';

// The AWS SDK announces the end of its support for Node 20 on stderr of every command; `package.json` pins versions
// that still run on it.
process.env.AWS_SDK_JS_NODE_VERSION_SUPPORT_WARNING_DISABLED ??= 'true';
// Absent on Node 20: called through the namespace because a named import would be a SyntaxError there.
module.enableCompileCache?.();

const { execute } = await import('../dist/main.js');
await execute({ dir: import.meta.url });
