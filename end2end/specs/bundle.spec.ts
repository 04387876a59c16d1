// What a first visit costs, as it is served and as a browser counts it: less than the Next.js shop that this one is measured by.

import { readFileSync, readdirSync, statSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

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

/** What only the server may know: names of secrets, how secrets begin, and whom only the server speaks to. */
const SERVERS_OWN: [what: string, pattern: RegExp][] = [
  ['a key of Stripe', /(?<![A-Za-z0-9])[sr]k_(test|live)_/],
  ['a webhook secret', /whsec_/],
  ['a key of Klaviyo', /Klaviyo-API-Key|(?<![A-Za-z0-9])pk_[0-9a-f]{8}/],
  ['the name of a secret', /STRIPE_SECRET|WEBHOOK_SECRET|KLAVIYO_API|ADMIN_TOKEN|DATABASE_URL|APPLICATION_CREDENTIALS/],
  ['an address of the inside', /postgres(ql)?:\/\/|api\.stripe\.com|a\.klaviyo\.com|googleapis\.com/],
];

test('nothing that only the server may know is in what a browser is given', async ({ page, shop }) => {
  const loaded: string[] = [];
  page.on('response', (response) => loaded.push(response.url()));
  await page.goto('/', { waitUntil: 'networkidle' });
  const given = new Map<string, string>();
  for (const url of new Set(loaded.filter((url) => url.startsWith(shop.url)))) {
    // Byte for byte, whatever it is.
    const answer = await fetch(url, { headers: { 'accept-encoding': 'identity' } });
    given.set(url.replace(shop.url, ''), Buffer.from(await answer.arrayBuffer()).toString('latin1'));
  }
  expect([...given.keys()].filter((path) => /\.(wasm|js|css)$/.test(path))).toHaveLength(3);
  const folder = fileURLToPath(new URL('../../public/', import.meta.url));
  for (const name of readdirSync(folder, { recursive: true, encoding: 'utf8' })) {
    if (statSync(folder + name).isFile()) given.set(`public/${name}`, readFileSync(folder + name, 'latin1'));
  }
  for (const [path, bytes] of given) {
    for (const [what, pattern] of SERVERS_OWN) expect(bytes.match(pattern)?.[0], `${what} in ${path}`).toBeUndefined();
  }
});
