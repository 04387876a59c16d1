// Colors without a price, prices that are not there yet, prices that change while somebody looks. Each needs a shop that is configured
// otherwise; all of them use the first one's database and sandbox.

import { type Page } from '@playwright/test';
import { SIZES, expectAccessible, expectNothingCutOff, picture } from '../support/inspect.ts';
import { Payment, Storefront } from '../support/pages.ts';
import { Shop } from '../support/shop.ts';
import { expect, expectNoLayoutShift, forgetLayoutShift, test } from '../support/test.ts';

test.use({ expectedConsole: /Failed to load resource/ });

type Env = Record<string, string>;

/** A second shop beside `first`, for the time of one test. */
async function beside(first: Shop, env: Env, visit: (shop: Shop) => Promise<void>): Promise<void> {
  const second = await Shop.start({ DATABASE_URL: first.databaseUrl, STRIPE_API_BASE: first.sandbox, ...env });
  try {
    await visit(second);
  } finally {
    await second.stop();
  }
}

const PRODUCT = { STRIPE_PRODUCT_ID: 'prod_sandbox_rolitt' };
const prices = (map: Record<string, string>): Env => ({ ...PRODUCT, COLOR_PRICE_MAP_JSON: JSON.stringify(map) });

async function inspect(page: Page, name: string): Promise<void> {
  for (const [size, viewport] of Object.entries(SIZES)) {
    await page.setViewportSize(viewport);
    await expectNothingCutOff(page);
    await picture(page, `${name} ${size}`);
  }
  await expectAccessible(page);
}

test('a color without a price is shown, in the merchant’s order, and cannot be bought', async ({ page, shop, sandbox, email }) => {
  const env = {
    ...prices({ 'Honey Khaki': 'price_nobody_has', Red: 'price_sandbox_red', 'Sakura Pink': 'price_sandbox_sakura_pink' }),
    PRODUCT_COLOR_ORDER: 'Red,Honey Khaki,Sakura Pink',
  };
  await beside(shop, env, async ({ url }) => {
    const store = await new Storefront(page).open(`${url}/?color=honey-khaki`);
    expect(await page.getByRole('radio').evaluateAll((radios) => radios.map((radio) => (radio as HTMLInputElement).value))).toEqual([
      'Red',
      'Honey Khaki',
      'Sakura Pink',
    ]);
    await expect(store.radio('Honey Khaki')).toBeDisabled();
    await expect(page.getByText('Honey Khaki is unavailable right now. Red is chosen instead.')).toBeVisible();
    await expect(store.radio('Red')).toBeChecked();
    await inspect(page, 'color unavailable');

    // Not even by those who send the form by hand.
    const answer = await page.request.post(`${url}/api/create_checkout`, {
      form: { color: 'Honey Khaki', email, locale: 'en' },
      headers: { accept: 'application/json' },
    });
    expect(answer.status()).toBeGreaterThanOrEqual(400);
    expect(await sandbox.sessionsOf(email)).toEqual([]);

    await store.email.fill(email);
    await store.button.click();
    await Payment.arrived(page);
  });
});

test('sold out: said, and nothing can be sent', async ({ page, shop }) => {
  await beside(shop, prices({ Red: 'price_nobody_has', 'Sakura Pink': 'price_nobody_has_either' }), async ({ url }) => {
    const store = await new Storefront(page).open(url);
    await expect(page.getByRole('status').filter({ hasText: 'No color can be pre-ordered right now' })).toBeVisible();
    await expect(store.button).toBeDisabled();
    await inspect(page, 'sold out');
  });
});

test('no prices yet: room is kept for them, and they come in without a jump', async ({ page, shop }) => {
  const env = { ...prices({ Red: 'price_sandbox_red', 'Sakura Pink': 'price_sandbox_sakura_pink' }), STRIPE_API_BASE: 'http://127.0.0.1:9' };
  await beside(shop, env, async ({ url }) => {
    let known = false;
    const offers = ['Red', 'Sakura Pink', 'Honey Khaki', 'Healing Green', 'Moonlight Grey'].map((color) => ({
      color,
      price: { minor: 29_900, currency: 'usd' },
    }));
    await page.route('**/api/offers', (route) => route.fulfill({ json: { offers: known ? offers : null } }));
    const store = await new Storefront(page).open(url);
    await expect(store.button).toBeDisabled();
    await inspect(page, 'prices loading');
    await page.setViewportSize(SIZES.desktop);
    await forgetLayoutShift(page);
    known = true;
    await expect(store.button).toBeEnabled({ timeout: 30_000 });
    await expect(store.button).toHaveText('Pre-order for $299');
    await expectNoLayoutShift(page);
  });
});

test('a price that changes while somebody looks is said before they pay it', async ({ page }) => {
  await page.clock.install();
  const store = await new Storefront(page).open('/?color=red');
  const offers = [{ color: 'Red', price: { minor: 31_900, currency: 'usd' } }];
  await page.route('**/api/offers', (route) => route.fulfill({ json: { offers } }));
  await page.clock.fastForward('06:00');
  await page.evaluate(() => document.dispatchEvent(new Event('visibilitychange', { bubbles: true })));
  await expect(page.getByText('The price changed from $299 to $319.')).toBeVisible();
  await expect(store.button).toHaveText('Pre-order for $319');
  await inspect(page, 'price changed');
});

test('too many tries: told to wait, and the form stays', async ({ page, shop, email }) => {
  const env = { ...prices({ Red: 'price_sandbox_red' }), CHECKOUT_RATE_PER_IP: '1' };
  await beside(shop, env, async ({ url }) => {
    const store = await new Storefront(page).open(url);
    await store.goToPayment('Red', email);
    await store.open(url);
    await store.fill('Red', email);
    await store.button.click();
    await expect(store.alert).toContainText(/wait/i);
    await expect(store.email).toHaveValue(email);
  });
});
