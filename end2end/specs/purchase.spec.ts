// Look, choose, pay, be told: the whole purchase by clicking, in each of the ways that money can come or not come.

import { PAY, Payment, Storefront, orderNumber } from '../support/pages.ts';
import { expect, test } from '../support/test.ts';

test('a customer buys, and the merchant has it in the books', async ({ page, sandbox, records, email }) => {
  const shop = await new Storefront(page).open();
  await expect(page.getByRole('heading', { level: 1 })).toContainText('Rolitt');
  await expect(shop.button).toHaveText(/^Pre-order for \$\d+/);

  const payment = await shop.goToPayment('Sakura Pink', email);
  await payment.pay('card');
  const number = await orderNumber(page);
  await expect(page.getByRole('main')).toContainText('Sakura Pink');
  await expect(page.getByRole('main')).not.toContainText(email);

  const [preorder, ...more] = await records.preordersOf(email);
  expect(more).toEqual([]);
  expect(preorder).toMatchObject({
    color: 'Sakura Pink',
    status: 'paid',
    preorder_number: number,
    session_id: payment.session,
    currency: 'usd',
    livemode: false,
    needs_review: false,
  });
  expect(Number(preorder!.amount_minor)).toBeGreaterThan(0);
  expect(preorder!.shipping_address).toBeTruthy();

  // The return page may have been faster than the webhook: the log follows.
  await expect
    .poll(async () => (await records.logsOf(preorder!.id)).map((log) => [log.event, log.status, log.klaviyo_event_sent, log.error]))
    .toContainEqual(['checkout.session.completed', 'done', true, null]);
  const events = await sandbox.klaviyoEvents(number);
  expect(events).toHaveLength(1);
  expect(JSON.stringify(events[0])).toContain('Preorder Success');

  // Whoever reloads the page, or keeps its address, sees the same order and makes no other.
  await page.reload();
  expect(await orderNumber(page)).toBe(number);
  expect(await records.preordersOf(email)).toHaveLength(1);
  expect(await sandbox.klaviyoEvents(number)).toHaveLength(1);
});

test('a declined card moves no money, and another card pays', async ({ page, records, email }) => {
  const shop = await new Storefront(page).open();
  const payment = await shop.goToPayment('Honey Khaki', email);
  await payment.pay('declined');
  await expect(page.getByRole('alert')).toContainText(/declined/i);
  expect(page.url()).toContain(payment.session);
  expect(await records.preordersOf(email)).toEqual([]);

  await payment.pay('card');
  const number = await orderNumber(page);
  expect(await records.preordersOf(email)).toMatchObject([{ preorder_number: number, status: 'paid' }]);
});

test('a card that asks for authentication', async ({ page, records, email }) => {
  const shop = await new Storefront(page).open();
  const payment = await shop.goToPayment('Moonlight Grey', email);
  await payment.pay('authenticate');
  await payment.authenticate('Fail');
  await expect(page.getByRole('alert')).toBeVisible();
  expect(await records.preordersOf(email)).toEqual([]);
  await payment.pay('authenticate');
  await payment.authenticate('Approve');
  const number = await orderNumber(page);
  expect(await records.preordersOf(email)).toMatchObject([{ preorder_number: number, status: 'paid' }]);
});

test('a payment that comes later: the page updates by itself', async ({ page, sandbox, records, email }) => {
  const shop = await new Storefront(page).open();
  const payment = await shop.goToPayment('Healing Green', email);
  await payment.pay('delayedSucceeds');
  await expect(page.getByRole('heading', { level: 1 })).toContainText('Your bank is still confirming');
  const number = await orderNumber(page);
  expect(await records.preordersOf(email)).toMatchObject([{ status: 'awaiting_payment' }]);
  expect(await sandbox.klaviyoEvents(number)).toEqual([]);

  await sandbox.settle(payment.session, 'succeed');
  await expect(page.getByRole('heading', { level: 1 })).toContainText('Your Rolitt is pre-ordered');
  expect(await orderNumber(page)).toBe(number);
  expect(await records.preordersOf(email)).toMatchObject([{ status: 'paid', preorder_number: number }]);
  await expect.poll(() => sandbox.klaviyoEvents(number)).toHaveLength(1);
});

test('a payment that fails later: the page says so, and the color is kept', async ({ page, sandbox, records, email }) => {
  const shop = await new Storefront(page).open();
  const payment = await shop.goToPayment('Red', email);
  await payment.pay('delayedFails');
  await expect(page.getByRole('heading', { level: 1 })).toContainText('Your bank is still confirming');
  await sandbox.settle(payment.session, 'fail');
  await expect(page.getByRole('heading', { level: 1 })).toContainText('did not go through');
  expect(await records.preordersOf(email)).toMatchObject([{ status: 'payment_failed' }]);
  await expect
    .poll(async () => (await sandbox.klaviyoEvents(email)).map((event) => event['metric']))
    .toEqual(['Preorder Payment Failed']);

  await page.getByRole('main').getByRole('link', { name: /again/ }).click();
  await shop.awake();
  await expect(shop.radio('Red')).toBeChecked();
});

test('leaving the payment page keeps the color and charges nothing', async ({ page, sandbox, records, email }) => {
  const shop = await new Storefront(page).open();
  const payment = await shop.goToPayment('Healing Green', email);
  await payment.goBack();
  await page.waitForURL(/\/checkout\/cancel/);
  await shop.awake();
  await expect(page.getByRole('status').filter({ hasText: 'Nothing was charged' })).toBeVisible();
  await expect(shop.radio('Healing Green')).toBeChecked();
  expect(await records.preordersOf(email)).toEqual([]);

  await shop.email.fill(email);
  await shop.button.click();
  await (await Payment.arrived(page)).pay('card');
  await orderNumber(page);
  expect(await records.preordersOf(email)).toHaveLength(1);
  expect((await sandbox.sessionsOf(email)).length).toBeGreaterThan(0);
});

test('the browser’s own way back leaves a form that works', async ({ page, email }) => {
  const shop = await new Storefront(page).open();
  await shop.goToPayment('Moonlight Grey', email);
  await page.goBack();
  await shop.awake();
  await expect(shop.radio('Moonlight Grey')).toBeChecked();
  await expect(shop.button).toHaveText(/^Pre-order for \$/);
  await shop.email.fill(email);
  await shop.button.click();
  await Payment.arrived(page);
});

test('a double click is one checkout', async ({ page, sandbox, email }) => {
  const shop = await new Storefront(page).open();
  await shop.fill('Honey Khaki', email);
  let posts = 0;
  page.on('request', (request) => {
    if (request.url().endsWith('/api/create_checkout')) posts += 1;
  });
  await shop.button.dblclick();
  await Payment.arrived(page);
  expect(posts).toBe(1);
  expect(await sandbox.sessionsOf(email)).toHaveLength(1);
});

test('another color is another session, and the one that was left stays unpaid', async ({ page, records, sandbox, email }) => {
  const shop = await new Storefront(page).open();
  const first = await shop.goToPayment('Honey Khaki', email);
  await first.goBack();
  await shop.awake();
  const second = await shop.goToPayment('Red', email);
  expect(second.session).not.toBe(first.session);
  expect((await sandbox.session(second.session))['metadata'].color).toBe('Red');
  await second.pay('card');
  await orderNumber(page);
  expect(await records.preordersOf(email)).toMatchObject([{ color: 'Red', session_id: second.session }]);
});

test('the payment page cannot be taken for Stripe’s', async ({ page, email }) => {
  const shop = await new Storefront(page).open();
  await shop.goToPayment('Honey Khaki', email);
  await expect(page.locator('body')).toContainText(/sandbox/i);
  for (const name of Object.values(PAY)) await expect(page.getByRole('button', { name })).toBeVisible();
});
