// The content security policy: every page there is works under it, and it is one that stops something.
// That nothing breaches it is asserted by every test of this suite (see support/test.ts); here every page is opened once.

import { Storefront, orderNumber } from '../support/pages.ts';
import { expect, test } from '../support/test.ts';

test.use({
  environment: {
    PAYMENT_PROVIDERS: 'stripe,invoice',
    INVOICE_ACCOUNT_HOLDER: 'Rolitt Workshop',
    INVOICE_IBAN: 'DE89 3704 0044 0532 0130 00',
  },
});

const PAGES: Record<string, number> = {
  '/': 200,
  '/?color=red&error=invalid_input&field=email': 200,
  '/?error=network': 200,
  '/checkout/cancel?color=red': 200,
  '/checkout/success?session_id=cs_test_nobodyhasthis': 200,
  '/orders/ROL-00000000?token=nobodyhasthis': 404,
  '/no-such-page': 404,
};

test.describe('every page', () => {
  // A 404 is a console error of its own in Chromium; a breach of the policy is not among what is expected.
  test.use({ expectedConsole: /^console: Failed to load resource/ });

  for (const [path, status] of Object.entries(PAGES)) {
    test(path, async ({ page }) => {
      const answer = await page.goto(path);
      expect(answer?.status()).toBe(status);
      const policy = answer?.headers()['content-security-policy'] ?? '';
      expect(policy).toMatch(/script-src 'self' 'nonce-[\w-]{20,}={0,2}' 'strict-dynamic' 'wasm-unsafe-eval';/);
      expect(policy).not.toMatch(/unsafe-inline|'unsafe-eval'/);
      await expect(page.getByRole('heading', { level: 1 })).toBeVisible();
      await page.waitForLoadState('networkidle');
    });
  }
});

test('a purchase by card, to its end', async ({ page, email }) => {
  const shop = await new Storefront(page).open();
  await (await shop.goToPayment('Honey Khaki', email)).pay('card');
  await orderNumber(page);
  await page.waitForLoadState('networkidle');
});

test('a purchase by transfer, to the page of its order', async ({ page, email }) => {
  const shop = await new Storefront(page).open();
  await shop.fill('Red', email);
  await shop.way('Bank transfer').check();
  await shop.button.click();
  await page.waitForURL(/\/orders\/ROL-/);
  await expect(page.getByRole('region', { name: 'Where to transfer' })).toBeVisible();
  await page.waitForLoadState('networkidle');
});

test.describe('what the policy stops', () => {
  test.use({ expectedConsole: /content security policy|Content Security Policy/i });

  test('a script, a style and a frame that somebody slips in', async ({ page }) => {
    await new Storefront(page).open();
    await page.evaluate(() => {
      const found = new Set<string>();
      Object.assign(window, { found });
      document.addEventListener('securitypolicyviolation', (event) => found.add(event.effectiveDirective));
      const slip = (name: string, text: string) => {
        const element = document.createElement(name);
        element.textContent = text;
        document.body.append(element);
      };
      slip('script', 'window.slipped = true');
      slip('style', 'body { display: none }');
      const frame = document.createElement('iframe');
      frame.src = 'https://evil.example/';
      document.body.append(frame);
      document.body.setAttribute('onclick', 'window.slipped = true');
      document.body.click();
    });
    const found = () => page.evaluate(() => [...(window as unknown as { found: Set<string> }).found].sort());
    await expect.poll(found).toEqual(['frame-src', 'script-src-attr', 'script-src-elem', 'style-src-elem']);
    expect(await page.evaluate(() => 'slipped' in window)).toBe(false);
  });
});
