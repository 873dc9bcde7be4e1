import { serve } from './shop-server.js';

const version = process.env.VERSION ?? 'dev';
const asset = `/assets/${version}/app.js`;

const page = `<!doctype html>
<html lang="en">
  <head>
    <meta charset="utf-8" />
    <title>Shop ${version}</title>
    <script src="${asset}" defer></script>
  </head>
  <body>
    <h1>Shop</h1>
    <p>Version ${version}</p>
  </body>
</html>
`;

serve({
  name: 'frontend',
  mainPath: '/',
  slowPaths: ['/slow'],
  routes(url) {
    switch (url.pathname) {
      case '/':
        return { type: 'text/html; charset=utf-8', body: page };
      case '/slow':
        return { body: { message: 'slow, when the release is' } };
      // Named by version, like the output of a bundler: only the release that wrote the page has it.
      case asset:
        return { type: 'text/javascript', body: `console.log('shop ${version}');\n` };
      default:
        return undefined;
    }
  },
});
