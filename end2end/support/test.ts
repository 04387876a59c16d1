// `test` with a running shop in it. What every test asserts without saying so: nothing in the browser's console, no breach of the
// content security policy, and no layout that jumps.

import { type BrowserContext, type Page, test as base, expect } from '@playwright/test';
import { type Records, recordsOf } from './records.ts';
import { Sandbox } from './sandbox.ts';
import { Shop } from './shop.ts';

interface Options {
  /** Console errors that a test provokes: a failed request is one. */
  expectedConsole: RegExp | undefined;
}

interface ForTest {
  shop: Shop;
  sandbox: Sandbox;
  records: Records;
  /** An address that nobody else in the run has. */
  email: string;
  quiet: void;
}

interface ForWorker {
  /** What a spec's shop has in its environment beside the usual: such a spec gets a shop of its own. */
  environment: Record<string, string>;
  running: { shop: Shop; records: Records };
}

let customers = 0;

export const test = base.extend<Options & ForTest, ForWorker>({
  expectedConsole: [undefined, { option: true }],

  environment: [{}, { option: true, scope: 'worker' }],

  running: [
    async ({ environment }, use) => {
      const shop = await Shop.start(environment);
      const records = recordsOf(shop);
      await use({ shop, records });
      await records.close();
      await shop.stop();
    },
    { scope: 'worker', timeout: 90_000 },
  ],

  shop: async ({ running }, use, info) => {
    const before = running.shop.log.length;
    await use(running.shop);
    if (info.status !== info.expectedStatus) {
      await info.attach('log of the shop', { body: running.shop.log.slice(before), contentType: 'text/plain' });
      console.log(running.shop.log.slice(before).split('\n').slice(-40).join('\n'));
    }
  },

  sandbox: async ({ shop }, use) => {
    const sandbox = new Sandbox(shop.sandbox);
    await sandbox.noFaults();
    await use(sandbox);
    await sandbox.noFaults();
  },

  records: async ({ running }, use) => use(running.records),

  email: async ({}, use, info) => {
    customers += 1;
    await use(`customer-${info.workerIndex}-${customers}@example.com`);
  },

  baseURL: async ({ shop }, use) => use(shop.url),

  quiet: [
    async ({ context, expectedConsole, shop }, use) => {
      const complaints = await listen(context, shop);
      await use();
      const unexpected = complaints.filter((text) => !expectedConsole?.test(text));
      expect(unexpected, 'the browser has nothing to complain about').toEqual([]);
    },
    { auto: true },
  ],
});

export { expect };

/** Collects what the browser complains about on the shop's own pages. */
async function listen(context: BrowserContext, shop: Shop): Promise<string[]> {
  const complaints: string[] = [];
  context.on('console', (message) => {
    // The sandbox's page declines a card with an error status, which the browser reports: that page is not the shop's.
    const { url } = message.location();
    if (message.type() === 'error' && !url.startsWith(shop.sandbox)) complaints.push(`console: ${message.text()} (${url})`);
  });
  context.on('weberror', (error) => complaints.push(`uncaught: ${error.error().message}`));
  await context.exposeBinding('reportViolation', ({ page }, text: string) => {
    if (page.url().startsWith(shop.url)) complaints.push(`content security policy: ${text}`);
  });
  await context.addInitScript(() => {
    const here = window as unknown as { reportViolation(text: string): void; layoutShift: number; shifted: string[] };
    document.addEventListener('securitypolicyviolation', (event) =>
      here.reportViolation(`${event.effectiveDirective} blocked ${event.blockedURI} on ${event.documentURI}`),
    );
    here.layoutShift = 0;
    here.shifted = [];
    new PerformanceObserver((list) => {
      for (const entry of list.getEntries() as (PerformanceEntry & {
        value: number;
        hadRecentInput: boolean;
        sources: { node: Node | null; previousRect: DOMRectReadOnly; currentRect: DOMRectReadOnly }[];
      })[]) {
        if (entry.hadRecentInput) continue;
        here.layoutShift += entry.value;
        const at = ({ x, y, width, height }: DOMRectReadOnly) => [x, y, width, height].join();
        here.shifted.push(
          ...entry.sources.map(({ node, previousRect, currentRect }) => {
            const what = node instanceof Element ? node.outerHTML.slice(0, 80) : String(node);
            return `${what} from ${at(previousRect)} to ${at(currentRect)}`;
          }),
        );
      }
    }).observe({ type: 'layout-shift', buffered: true });
  });
  return complaints;
}

/** From here on, what moves is counted anew. */
export async function forgetLayoutShift(page: Page): Promise<void> {
  await reported(page);
  await page.evaluate(() => void Object.assign(window, { layoutShift: 0, shifted: [] }));
}

/** Frames that are drawn already may still be reported. */
async function reported(page: Page): Promise<void> {
  await page.evaluate(() => {
    return new Promise<void>((done) => {
      requestAnimationFrame(() => requestAnimationFrame(() => setTimeout(done, 100)));
    });
  });
}

/** How far the page's content has jumped without anyone having done anything. */
export async function expectNoLayoutShift(page: Page): Promise<void> {
  await reported(page);
  const { shift, what } = await page.evaluate(() => {
    const here = window as unknown as { layoutShift: number; shifted: string[] };
    return { shift: here.layoutShift, what: here.shifted };
  });
  // A line of text that moves by its own width is about this much.
  expect(shift, `content jumped: ${what.join(' | ')}`).toBeLessThan(0.001);
}
