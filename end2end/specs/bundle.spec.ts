// What a first visit costs, as it is served and as a browser counts it: less than the Next.js shop that this one is measured by.

import { expect, test } from '../support/test.ts';

/** That shop's scripts, gzipped; everything that its first page transfers. */
const RIVAL_SCRIPTS = 91_277;
const RIVAL_PAGE = 103_632;

test('the first visit stays below the rival’s', async ({ page, shop, context }) => {
  const session = await context.newCDPSession(page);
  await session.send('Network.enable');
  const urls = new Map<string, string>();
  const bytes = new Map<string, number>();
  session.on('Network.requestWillBeSent', ({ requestId, request }) => urls.set(requestId, request.url));
  // What came over the wire, headers included.
  session.on('Network.loadingFinished', ({ requestId, encodedDataLength }) => {
    const url = urls.get(requestId);
    if (url?.startsWith('http')) bytes.set(url, (bytes.get(url) ?? 0) + encodedDataLength);
  });
  await page.goto('/', { waitUntil: 'networkidle' });
  await expect(page.locator('form[data-awake]')).toBeVisible();

  const loaded = [...bytes].map(([url, size]) => ({ path: url.replace(shop.url, ''), size }));
  const sum = (rows: typeof loaded) => rows.reduce((total, row) => total + row.size, 0);
  const page_ = sum(loaded);
  const scripts = sum(loaded.filter(({ path }) => /\.(wasm|js)$/.test(path)));
  for (const { path, size } of loaded) console.log(`${String(size).padStart(8)}  ${path}`);
  console.log(`${String(scripts).padStart(8)}  WebAssembly and its glue, of ${RIVAL_SCRIPTS} allowed`);
  console.log(`${String(page_).padStart(8)}  everything, of ${RIVAL_PAGE} allowed`);
  expect(loaded.some(({ path }) => path.endsWith('.wasm'))).toBe(true);
  expect(scripts).toBeLessThanOrEqual(RIVAL_SCRIPTS);
  expect(page_).toBeLessThanOrEqual(RIVAL_PAGE);
});

test('the bundle’s files are compressed beforehand, named by their content, and kept for ever', async ({ page, shop }) => {
  const answers = new Map<string, Record<string, string>>();
  page.on('response', (response) => {
    const path = response.url().replace(shop.url, '');
    if (path.startsWith('/pkg/')) answers.set(path, response.headers());
  });
  await page.goto('/', { waitUntil: 'networkidle' });
  const kinds = [...answers.keys()].map((path) => path.split('.').at(-1)).sort();
  expect(kinds).toEqual(['css', 'js', 'wasm']);
  for (const [path, headers] of answers) {
    expect(path).toMatch(/\.[\w-]{22}\.(js|wasm|css)$/);
    expect(headers['content-encoding'], path).toBe('br');
    expect(headers['vary']?.toLowerCase(), path).toContain('accept-encoding');
    expect(headers['cache-control'], path).toMatch(/immutable/);
    expect(headers['cache-control'], path).toMatch(/max-age=31536000/);
    if (path.endsWith('.wasm')) expect(headers['content-type']).toBe('application/wasm');

    // Whoever cannot read brotli gets something that they can.
    const plain = await fetch(shop.url + path, { headers: { 'accept-encoding': 'identity' } });
    expect(plain.status).toBe(200);
    expect(plain.headers.get('content-encoding')).toBeNull();
  }
  const document = await fetch(`${shop.url}/`);
  expect(document.headers.get('cache-control') ?? '').not.toContain('immutable');
});
