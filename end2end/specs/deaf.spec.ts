// Not one webhook arrives, and the customers close their tabs: the shop still finds every order that was paid.

import { expect, test } from '@playwright/test';
import { Payment, Storefront } from '../support/pages.ts';
import { recordsOf } from '../support/records.ts';
import { Sandbox } from '../support/sandbox.ts';
import { Shop } from '../support/shop.ts';

test('with every webhook dropped, every paid order appears by itself', async ({ browser }) => {
  const shop = await Shop.start({ RECONCILE_EVERY: '2s' });
  const records = recordsOf(shop);
  const sandbox = new Sandbox(shop.sandbox);
  await sandbox.faults({ delivery: { drop_rate: 1 } });
  const emails = ['one@example.com', 'two@example.com', 'three@example.com'];
  for (const email of emails) {
    const context = await browser.newContext({ baseURL: shop.url });
    const page = await context.newPage();
    // The way back is cut: the return page would find the order as well.
    await page.route('**/checkout/success**', (route) => route.abort());
    const payment: Payment = await (await new Storefront(page).open()).goToPayment('Healing Green', email);
    const left = page.waitForRequest('**/checkout/success**');
    await payment.pay('card');
    await left;
    await context.close();
  }
  for (const email of emails) {
    await expect
      .poll(async () => (await records.preordersOf(email)).map((order) => [order.status, order.color, order.needs_review]))
      .toEqual([['paid', 'Healing Green', false]]);
    await expect.poll(async () => (await sandbox.klaviyoEvents(email)).length).toBe(1);
  }
  const attempts = await sandbox.deliveries();
  expect(attempts.filter((attempt) => attempt['status'] !== null)).toEqual([]);
  await expect
    .poll(async () => await (await fetch(`${shop.ops}/metrics`)).text())
    .toContain('reconcile_unexplained_differences 0');
  await records.close();
  await shop.stop();
});
