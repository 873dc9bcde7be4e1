import { serve } from './shop-server.js';

const products = [
  { id: 1, name: 'teapot', price: 2400 },
  { id: 2, name: 'cup', price: 900 },
  { id: 3, name: 'spoon', price: 350 },
];

serve({
  name: 'backend',
  mainPath: '/api/',
  slowPaths: ['/api/slow', '/api/report'],
  routes(url) {
    switch (url.pathname) {
      case '/':
      case '/api':
      case '/api/':
        return { body: { message: 'hello from the shop' } };
      case '/api/products':
        return { body: { products } };
      case '/api/slow':
      case '/api/report':
        return { body: { report: products.length } };
      default:
        return undefined;
    }
  },
});
