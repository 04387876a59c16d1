// The shop before and without WebAssembly: no JavaScript at all, a bundle that never comes, and one that comes late.

import { COLORS, Payment, Storefront, orderNumber } from '../support/pages.ts';
import { expect, expectNoLayoutShift, test } from '../support/test.ts';

test.describe('no JavaScript', () => {
  test.use({ javaScriptEnabled: false });

  test('the whole purchase', async ({ page, records, email }) => {
    const shop = new Storefront(page);
    await page.goto('/');
    await shop.fill('Sakura Pink', email);
    await shop.button.click();
    await (await Payment.arrived(page)).pay('card');
    const number = await orderNumber(page);
    expect(await records.preordersOf(email)).toMatchObject([{ color: 'Sakura Pink', status: 'paid', preorder_number: number }]);
  });

  test('a double click is one checkout', async ({ page, sandbox, email }) => {
    const shop = new Storefront(page);
    await page.goto('/');
    await shop.fill('Red', email);
    await shop.button.dblclick();
    await Payment.arrived(page);
    expect(await sandbox.sessionsOf(email)).toHaveLength(1);
  });

  // What a browser lets through and the shop does not.
  for (const [what, typed, said] of [
    ['no dot in the domain', 'jo@nowhere', 'The part after the @ is not complete'],
    ['an unfinished domain', 'jo@-nowhere-.com', 'The part after the @ is not complete'],
    ['nothing', '', 'Enter the email address'],
    ['no @', 'jo.example.com', 'An email address has one @'],
  ] as const) {
    test(`an address that cannot be one (${what}) comes back beside the form`, async ({ page }) => {
      const shop = new Storefront(page);
      await page.goto('/');
      await shop.choose('Healing Green');
      // As a browser without validation of its own would send it.
      await page.locator('form').evaluate((form) => form.setAttribute('novalidate', ''));
      await shop.email.fill(typed);
      await shop.button.click();
      await expect(page.locator('#email-error')).toContainText(said);
      await expect(shop.email).toHaveValue(typed);
      await expect(shop.email).toHaveAttribute('aria-invalid', 'true');
      await expect(shop.radio('Healing Green')).toBeChecked();
      expect(decodeURIComponent(page.url())).not.toContain('jo');
      // The cookie that carried it is no script's business, and short-lived.
      for (const cookie of await page.context().cookies()) {
        expect(cookie.httpOnly).toBe(true);
        expect(cookie.expires * 1000).toBeLessThan(Date.now() + 11 * 60 * 1000);
      }
    });
  }

  for (const [kind, status, title] of [
    ['network', 500, 'The connection did not hold'],
    ['payment', 402, 'The payment was refused'],
    ['configuration', 401, 'This order cannot be taken right now'],
  ] as const) {
    test(`${kind} trouble comes back beside the form, and is mended by sending it again`, async ({ page, sandbox, email }) => {
      const shop = new Storefront(page);
      await page.goto('/');
      await shop.fill('Moonlight Grey', email);
      await sandbox.faults({ stripe: { error_rate: 1, status } });
      await shop.button.click();
      await expect(shop.alert).toContainText(title);
      await expect(shop.email).toHaveValue(email);
      await expect(shop.radio('Moonlight Grey')).toBeChecked();
      expect(decodeURIComponent(page.url())).not.toContain(email);
      await sandbox.noFaults();
      await shop.button.click();
      await Payment.arrived(page);
    });
  }

  test('leaving the payment page keeps the color', async ({ page, email }) => {
    const shop = new Storefront(page);
    await page.goto('/');
    await shop.fill('Red', email);
    await shop.button.click();
    await (await Payment.arrived(page)).goBack();
    await expect(shop.radio('Red')).toBeChecked();
    await expect(page.getByText('Nothing was charged').first()).toBeVisible();
  });

  test('a later payment: the page asks again by itself', async ({ page, sandbox, email }) => {
    const shop = new Storefront(page);
    await page.goto('/');
    await shop.fill('Red', email);
    await shop.button.click();
    const payment = await Payment.arrived(page);
    await payment.pay('delayedSucceeds');
    await expect(page.getByRole('heading', { level: 1 })).toContainText('Your bank is still confirming');
    await sandbox.settle(payment.session, 'succeed');
    await expect(page.getByRole('heading', { level: 1 })).toContainText('pre-ordered', { timeout: 40_000 });
  });
});

test.describe('the bundle never comes', () => {
  test.use({ expectedConsole: /Failed to load resource|wasm|Failed to fetch/i });

  test('the shop sells all the same', async ({ page, records, email }) => {
    await page.route('**/*.wasm', (route) => route.abort());
    const shop = new Storefront(page);
    await page.goto('/');
    await shop.fill('Healing Green', email);
    await shop.button.click();
    await (await Payment.arrived(page)).pay('card');
    await orderNumber(page);
    expect(await records.preordersOf(email)).toMatchObject([{ color: 'Healing Green', status: 'paid' }]);
  });
});

test('the bundle comes late: what was typed and chosen stays, and nothing jumps', async ({ page, email }) => {
  let release = () => {};
  const released = new Promise<void>((done) => (release = done));
  await page.route('**/*.wasm', async (route) => {
    await released;
    await route.continue();
  });
  const shop = new Storefront(page);
  await page.goto('/');
  await shop.fill('Red', email);
  await shop.email.press('End');
  await expect(page.locator('form[data-awake]')).toHaveCount(0);

  release();
  await shop.awake();
  await expect(shop.email).toHaveValue(email);
  await expect(shop.email).toBeFocused();
  await expect(shop.radio('Red')).toBeChecked();
  await expect(page.locator('[data-color]').first()).toHaveAttribute('data-color', 'red');
  for (const color of COLORS.filter((color) => color !== 'Red')) await expect(shop.radio(color)).not.toBeChecked();
  await expectNoLayoutShift(page);
  await shop.button.click();
  await Payment.arrived(page);
});
