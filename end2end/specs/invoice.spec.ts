// Payment by bank transfer: the choice in the form, and the page of the order, with and without JavaScript.

import type { Page } from '@playwright/test';
import { SIZES, expectAccessible, expectNothingCutOff, picture } from '../support/inspect.ts';
import { NUMBER, Payment, Storefront } from '../support/pages.ts';
import type { Records } from '../support/records.ts';
import { expectNoLayoutShiftOnASlowLine } from '../support/slow_line.ts';
import { expect, expectNoLayoutShift, test } from '../support/test.ts';

const IBAN = 'DE89 3704 0044 0532 0130 00';

test.use({
  environment: {
    PAYMENT_PROVIDERS: 'stripe,invoice',
    INVOICE_ACCOUNT_HOLDER: 'Rolitt Workshop',
    INVOICE_IBAN: IBAN,
    INVOICE_BIC: 'COBADEFFXXX',
  },
});

/** Orders by transfer, and is on the order's page. */
async function order(page: Page, email: string): Promise<string> {
  const shop = new Storefront(page);
  await page.goto('/');
  await shop.fill('Sakura Pink', email);
  await shop.way('Bank transfer').check();
  await shop.button.click();
  await page.waitForURL(/\/orders\/ROL-/);
  return NUMBER.exec(page.url())?.[0] ?? '';
}

async function expectInstructions(page: Page, number: string): Promise<void> {
  await expect(page.getByRole('heading', { level: 1 })).toHaveText('Your pre-order is noted. One transfer to go');
  const slip = page.getByRole('region', { name: 'Where to transfer' });
  for (const text of ['Rolitt Workshop', IBAN, 'COBADEFFXXX', '299.00 USD', number]) await expect(slip).toContainText(text);
  await expect(page.getByRole('main')).toContainText('Nothing was charged');
}

test('the button says what will happen, and the choice goes with the form', async ({ page, records, sandbox, email }) => {
  const shop = await new Storefront(page).open();
  await expect(shop.way('Card and more')).toBeChecked();
  await expect(shop.button).toHaveAccessibleName('Pre-order for $299');
  await shop.way('Bank transfer').check();
  await expect(shop.button).toHaveAccessibleName('Pre-order, then transfer $299');
  await shop.fill('Sakura Pink', email);
  await shop.button.dblclick();
  await page.waitForURL(/\/orders\/ROL-/);
  const number = NUMBER.exec(page.url())?.[0] ?? '';
  await expectInstructions(page, number);
  const orders = await records.preordersOf(email);
  expect(orders).toMatchObject([{ preorder_number: number, status: 'awaiting_payment', color: 'Sakura Pink' }]);
  expect(await sandbox.sessionsOf(email)).toHaveLength(0);
});

test('a card is still a card', async ({ page, email }) => {
  const shop = await new Storefront(page).open();
  await shop.way('Bank transfer').check();
  await shop.way('Card and more').check();
  await shop.goToPayment('Red', email);
  await Payment.arrived(page);
});

test('the keyboard chooses a way to pay', async ({ page }) => {
  const shop = await new Storefront(page).open();
  await shop.email.focus();
  await page.keyboard.press('Tab');
  await expect(shop.way('Card and more')).toBeFocused();
  await page.keyboard.press('ArrowDown');
  await expect(shop.way('Bank transfer')).toBeChecked();
  await page.keyboard.press('Tab');
  await expect(shop.button).toBeFocused();
});

test('a choice made before the page is awake stays', async ({ page }) => {
  let wake = () => {};
  const asleep = new Promise<void>((done) => (wake = done));
  await page.route('**/*.wasm', async (route) => {
    await asleep;
    await route.continue();
  });
  const shop = new Storefront(page);
  await page.goto('/', { waitUntil: 'commit' });
  await shop.way('Bank transfer').check();
  await expect(shop.button).toHaveAccessibleName('Pre-order, then transfer $299');
  wake();
  await shop.awake();
  await expect(shop.way('Bank transfer')).toBeChecked();
  await expect(shop.button).toHaveAccessibleName('Pre-order, then transfer $299');
  await expectNoLayoutShift(page);
});

test('while the order is being noted the button says so', async ({ page, email }) => {
  const shop = await new Storefront(page).open();
  await shop.fill('Red', email);
  await shop.way('Bank transfer').check();
  await page.route('**/api/create_checkout', () => {});
  await shop.button.click();
  await expect(page.getByRole('button', { name: 'Noting your pre-order…' })).toHaveAttribute('aria-busy', 'true');
});

test('the link is the key, and is told to nobody', async ({ page, shop, email }) => {
  const number = await order(page, email);
  const answer = await page.request.get(page.url());
  expect(answer.headers()).toMatchObject({ 'referrer-policy': 'no-referrer', 'cache-control': 'no-store' });
  await expect(page.locator('meta[name=robots]')).toHaveAttribute('content', 'noindex');
  const [wrong, without, unknown] = await Promise.all(
    [`/orders/${number}?token=x`, `/orders/${number}`, '/orders/ROL-00000000?token=x'].map((path) =>
      page.request.get(shop.url + path),
    ),
  );
  for (const answer of [wrong, without, unknown]) {
    expect(answer?.status()).toBe(404);
    expect(await answer?.text()).toContain('We do not know this order');
  }
});

test.describe('no JavaScript', () => {
  test.use({ javaScriptEnabled: false });

  test('the whole order', async ({ page, records, email }) => {
    const number = await order(page, email);
    await expectInstructions(page, number);
    expect(await records.preordersOf(email)).toMatchObject([{ preorder_number: number, status: 'awaiting_payment' }]);
  });

  test('a double click is one order', async ({ page, records, email }) => {
    const shop = new Storefront(page);
    await page.goto('/');
    await shop.fill('Red', email);
    await shop.way('Bank transfer').check();
    await shop.button.dblclick();
    await page.waitForURL(/\/orders\/ROL-/);
    expect(await records.preordersOf(email)).toHaveLength(1);
  });

  test('the button’s label follows the choice', async ({ page }) => {
    const shop = new Storefront(page);
    await page.goto('/');
    await expect(shop.button).toHaveAccessibleName('Pre-order for $299');
    await shop.way('Bank transfer').check();
    await expect(shop.button).toHaveAccessibleName('Pre-order, then transfer $299');
  });

  test('a form that comes back keeps the choice, and an unknown way is said beside it', async ({ page, email }) => {
    const shop = new Storefront(page);
    await page.goto('/');
    await page.locator('form').evaluate((form) => form.setAttribute('novalidate', ''));
    await shop.way('Bank transfer').check();
    await shop.email.fill('jo@nowhere');
    await shop.button.click();
    await expect(page.locator('#email-error')).toContainText('The part after the @ is not complete');
    await expect(shop.way('Bank transfer')).toBeChecked();

    await shop.email.fill(email);
    await shop.way('Bank transfer').evaluate((radio) => radio.setAttribute('value', 'cash'));
    await shop.button.click();
    await expect(shop.alert).toContainText('That way to pay is not offered here');
    await expect(shop.email).toHaveValue(email);
    await expect(shop.way('Card and more')).toBeChecked();
  });
});

/** Every state of this room, as a customer comes into it. */
const STATES: Record<string, (visit: { page: Page; email: string; records: Records }) => Promise<void>> = {
  'ways to pay': async ({ page }) => {
    const shop = await new Storefront(page).open();
    await shop.way('Bank transfer').check();
  },
  'transfer awaited': async ({ page, email }) => {
    await order(page, email);
  },
  'transfer overdue': async ({ page, email, records }) => {
    const number = await order(page, email);
    await records.change(number, "completed_at = now() - interval '20 days'");
    await page.reload();
    await expect(page.getByRole('heading', { level: 1 })).toHaveText('We are waiting for your transfer');
  },
  'transfer arrived': async ({ page, email, records }) => {
    const number = await order(page, email);
    await records.change(number, "status = 'paid'");
    await page.reload();
    await expect(page.getByRole('heading', { level: 1 })).toContainText('Your Rolitt is pre-ordered');
  },
  'transfer called off': async ({ page, email, records }) => {
    const number = await order(page, email);
    await records.change(number, "status = 'cancelled'");
    await page.reload();
    await expect(page.getByRole('heading', { level: 1 })).toHaveText('This pre-order was cancelled');
  },
  'link unknown': async ({ page }) => {
    await page.goto('/orders/ROL-00000000?token=x');
    await expect(page.getByRole('heading', { level: 1 })).toHaveText('We do not know this order');
  },
};

test.describe('every state', () => {
  test.use({ expectedConsole: /Failed to load resource/ });

  for (const [name, enter] of Object.entries(STATES)) {
    test(`${name} is accessible`, async ({ page, email, records }) => {
      await enter({ page, email, records });
      await expectAccessible(page);
    });

    for (const [size, viewport] of Object.entries(SIZES)) {
      test(`${name}, ${size}`, async ({ page, email, records }) => {
        await page.setViewportSize(viewport);
        await enter({ page, email, records });
        await expectNothingCutOff(page);
        await expectNoLayoutShift(page);
        await picture(page, `${name} ${size}`);
      });
    }
  }

  for (const [size, viewport] of Object.entries(SIZES)) {
    test(`nothing jumps on a slow line, ${size}`, async ({ page, shop, email }) => {
      await page.setViewportSize(viewport);
      await expectNoLayoutShiftOnASlowLine(page, shop, '/');
      await order(page, email);
      await expectNoLayoutShiftOnASlowLine(page, shop, page.url().slice(shop.url.length));
    });
  }

  test('with a choice, the way to pay is still in sight', async ({ page }) => {
    for (const viewport of Object.values(SIZES)) {
      await page.setViewportSize(viewport);
      const shop = await new Storefront(page).open();
      await expect(shop.button).toBeInViewport({ ratio: 1 });
    }
  });
});
