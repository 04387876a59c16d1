// Each kind of trouble on the way to payment, and each way out of it: the form and what was typed stay.

import { Payment, Storefront, orderNumber } from '../support/pages.ts';
import { expect, test } from '../support/test.ts';

// A failed request is a console error in Chromium, whoever handles it.
test.use({ expectedConsole: /Failed to load resource/ });

const KINDS = [
  {
    kind: 'network',
    fault: { error_rate: 1, status: 500 },
    title: 'The connection did not hold',
    said: 'Nothing was charged, and what you entered is still here',
  },
  {
    kind: 'payment',
    fault: { error_rate: 1, status: 402 },
    title: 'The payment was refused',
    said: 'nothing was charged',
  },
  {
    kind: 'configuration',
    fault: { error_rate: 1, status: 401 },
    title: 'This order cannot be taken right now',
    said: 'Nothing was charged. Write to us',
  },
] as const;

for (const { kind, fault, title, said } of KINDS) {
  test(`${kind}: said, and mended`, async ({ page, sandbox, email }) => {
    const shop = await new Storefront(page).open();
    await shop.fill('Sakura Pink', email);
    await sandbox.faults({ stripe: fault });
    await shop.button.click();

    await expect(shop.alert).toContainText(title);
    await expect(shop.alert).toContainText(said);
    await expect(shop.alert).toHaveAttribute('data-kind', kind);
    await expect(shop.alert).toBeFocused();
    await expect(shop.email).toHaveValue(email);
    await expect(shop.radio('Sakura Pink')).toBeChecked();
    await expect(shop.alert.getByRole('link', { name: 'Write to us' })).toHaveAttribute('href', /^mailto:/);
    // Development folds the technical detail out; the customer's words name nothing of it.
    await shop.alert.getByText('Technical detail').click();
    await expect(shop.alert.locator('pre')).toContainText(`kind ${kind}`);
    await expect(shop.alert).toContainText(/req_[\w-]{16}/);

    await sandbox.noFaults();
    if (kind === 'configuration') {
      await expect(shop.alert.getByRole('button', { name: 'Try again' })).toHaveCount(0);
      await shop.button.click();
    } else {
      await shop.alert.getByRole('button', { name: 'Try again' }).click();
    }
    const payment = await Payment.arrived(page);
    expect((await sandbox.session(payment.session))['metadata'].color).toBe('Sakura Pink');
  });
}

test('another color is one click away', async ({ page, sandbox, email }) => {
  const shop = await new Storefront(page).open();
  await shop.fill('Sakura Pink', email);
  await sandbox.faults({ stripe: { error_rate: 1, status: 402 } });
  await shop.button.click();
  await shop.alert.getByRole('link', { name: 'Choose another color' }).click();
  await expect(page.locator('input[name=color]:focus')).toHaveCount(1);
  await sandbox.noFaults();
  await shop.choose('Red');
  await shop.button.click();
  const payment = await Payment.arrived(page);
  expect((await sandbox.session(payment.session))['metadata'].color).toBe('Red');
});

test('a Stripe that does not answer is given up within seconds', async ({ page, sandbox, email }) => {
  const shop = await new Storefront(page).open();
  await shop.fill('Red', email);
  await sandbox.faults({ stripe: { hang_rate: 1 } });
  const began = Date.now();
  await shop.button.click();
  await expect(shop.page.getByRole('button', { name: 'Taking you to payment…' })).toBeVisible();
  await expect(shop.alert).toHaveAttribute('data-kind', 'network');
  expect(Date.now() - began).toBeLessThan(12_500);
});

// Stripe remembers a failure under its idempotency key, so every try after one makes another session: they may lie about, open, but
// only one is ever paid.
test('a Stripe that makes the session and fails to say so costs nobody twice', async ({ page, sandbox, records, email }) => {
  const shop = await new Storefront(page).open();
  await shop.fill('Red', email);
  await sandbox.faults({ stripe: { record_then_error_rate: 1, status: 500 } });
  await shop.button.click();
  await expect(shop.alert).toHaveAttribute('data-kind', 'network');
  await sandbox.noFaults();
  await shop.alert.getByRole('button', { name: 'Try again' }).click();
  await (await Payment.arrived(page)).pay('card');
  await orderNumber(page);
  expect(await records.preordersOf(email)).toMatchObject([{ status: 'paid' }]);
  const paid = (await sandbox.sessionsOf(email)).filter((session) => session['payment_status'] === 'paid');
  expect(paid).toHaveLength(1);
});

test('a customer without a connection is told, and goes on when it is back', async ({ page, context, email }) => {
  const shop = await new Storefront(page).open();
  await shop.fill('Honey Khaki', email);
  await context.setOffline(true);
  await shop.button.click();
  await expect(shop.alert).toHaveAttribute('data-kind', 'network');
  await context.setOffline(false);
  await shop.alert.getByRole('button', { name: 'Try again' }).click();
  await Payment.arrived(page);
});

test('an order that nobody has is not found, and no secret is told', async ({ page, shop }) => {
  await page.goto(`${shop.url}/checkout/success?session_id=cs_test_nobodyhasthis`);
  await expect(page.getByRole('heading', { level: 1 })).toContainText('We do not know this order');
});

test('Stripe down on the way back: the money is safe, and the page says so', async ({ page, sandbox, email, records }) => {
  const shop = await new Storefront(page).open();
  const payment = await shop.goToPayment('Red', email);
  const { success_url } = await sandbox.session(payment.session);
  await sandbox.pay(payment.session);
  await sandbox.faults({ stripe: { error_rate: 1, status: 500 } });
  await page.goto(String(success_url).replace('{CHECKOUT_SESSION_ID}', payment.session));
  // Either the webhook was faster, and the order is known from our own records, or it is said that it cannot be looked up.
  await expect(page.getByRole('heading', { level: 1 })).toContainText(/pre-ordered|cannot look up your order/);
  await sandbox.noFaults();
  await page.reload();
  await expect(page.getByRole('heading', { level: 1 })).toContainText('pre-ordered');
  expect(await records.preordersOf(email)).toMatchObject([{ status: 'paid' }]);
});
