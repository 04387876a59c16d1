// How to come into each designed state of the shop. The accessibility and the looks specs visit them all.

import { type Page, expect } from '@playwright/test';
import { Storefront, orderNumber } from './pages.ts';
import type { Fault, Sandbox } from './sandbox.ts';
import { forgetLayoutShift } from './test.ts';

interface Visit {
  page: Page;
  sandbox: Sandbox;
  email: string;
}

type State = (visit: Visit) => Promise<void>;

const trouble =
  (fault: Fault): State =>
  async ({ page, sandbox, email }) => {
    const shop = await new Storefront(page).open();
    await shop.fill('Sakura Pink', email);
    await sandbox.faults({ stripe: fault });
    await shop.button.click();
    await expect(shop.alert).toBeVisible();
    // The message makes room for itself, because the customer asked for something: that is no jump.
    await forgetLayoutShift(page);
  };

const heading = async (page: Page, text: string) => {
  await expect(page.getByRole('heading', { level: 1 })).toContainText(text);
};

export const STATES: Record<string, State> = {
  storefront: async ({ page }) => {
    await new Storefront(page).open();
  },
  'another color': async ({ page }) => {
    await (await new Storefront(page).open()).choose('Moonlight Grey');
  },
  'address wrong': async ({ page }) => {
    const shop = await new Storefront(page).open();
    await shop.email.fill('jo@example');
    await shop.email.blur();
    await expect(page.locator('#email-error')).not.toBeEmpty();
  },
  paying: async ({ page, sandbox, email }) => {
    const shop = await new Storefront(page).open();
    await shop.fill('Red', email);
    await sandbox.faults({ stripe: { latency_ms: 6_000 } });
    await shop.button.click();
    await expect(page.getByRole('button', { name: 'Taking you to payment…' })).toBeVisible();
  },
  'network trouble': trouble({ error_rate: 1, status: 500 }),
  'payment refused': trouble({ error_rate: 1, status: 402 }),
  'configuration trouble': trouble({ error_rate: 1, status: 401 }),
  'bundle late': async ({ page }) => {
    await page.route('**/*.wasm', () => {});
    await page.goto('/');
    await expect(page.getByRole('textbox', { name: 'Email' })).toBeVisible();
  },
  cancelled: async ({ page, email }) => {
    const shop = await new Storefront(page).open();
    await (await shop.goToPayment('Healing Green', email)).goBack();
    await shop.awake();
  },
  paid: async ({ page, email }) => {
    const shop = await new Storefront(page).open();
    await (await shop.goToPayment('Honey Khaki', email)).pay('card');
    await orderNumber(page);
  },
  'payment pending': async ({ page, sandbox, email }) => {
    const shop = await new Storefront(page).open();
    const payment = await shop.goToPayment('Sakura Pink', email);
    // The outcome comes by itself after some seconds; this keeps it from changing the page while it is being looked at.
    await sandbox.faults({ delivery: { delay_ms: 60_000 } });
    await payment.pay('delayedSucceeds');
    await heading(page, 'Your bank is still confirming');
  },
  'payment failed later': async ({ page, sandbox, email }) => {
    const shop = await new Storefront(page).open();
    const payment = await shop.goToPayment('Red', email);
    await payment.pay('delayedFails');
    await heading(page, 'Your bank is still confirming');
    await sandbox.settle(payment.session, 'fail');
    await heading(page, 'did not go through');
  },
  'authentication asked': async ({ page, email }) => {
    const shop = await new Storefront(page).open();
    await (await shop.goToPayment('Red', email)).pay('authenticate');
    await expect(page.getByRole('button', { name: 'Approve authentication' })).toBeVisible();
  },
  'payment not finished': async ({ page, email, sandbox }) => {
    const shop = await new Storefront(page).open();
    const { session } = await shop.goToPayment('Red', email);
    const { success_url } = await sandbox.session(session);
    await page.goto(String(success_url).replace('{CHECKOUT_SESSION_ID}', session));
    await heading(page, 'The payment was not finished');
  },
  'order unknown': async ({ page }) => {
    await page.goto('/checkout/success?session_id=cs_test_nobodyhasthis');
    await heading(page, 'We do not know this order');
  },
  'page not found': async ({ page }) => {
    await page.goto('/no-such-page');
    await heading(page, 'There is no page here');
  },
  'payment page': async ({ page, email }) => {
    const shop = await new Storefront(page).open();
    await shop.goToPayment('Red', email);
  },
};
