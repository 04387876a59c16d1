// A picture of every designed state, to look at; and what can be said of all of them without looking: nothing to scroll sideways,
// nothing that jumps, the way to pay in sight.

import { SIZES, expectNothingCutOff, picture } from '../support/inspect.ts';
import { orderNumber, Storefront } from '../support/pages.ts';
import { expectNoLayoutShiftOnASlowLine } from '../support/slow_line.ts';
import { STATES } from '../support/states.ts';
import { expect, expectNoLayoutShift, test } from '../support/test.ts';

test.use({ expectedConsole: /Failed to load resource/ });

for (const [size, viewport] of Object.entries(SIZES)) {
  for (const [name, enter] of Object.entries(STATES)) {
    test(`${name}, ${size}`, async ({ page, sandbox, email }) => {
      await page.setViewportSize(viewport);
      await enter({ page, sandbox, email });
      await expectNothingCutOff(page);
      await expectNoLayoutShift(page);
      await picture(page, `${name} ${size}`);
    });
  }
}

for (const [size, viewport] of Object.entries(SIZES)) {
  for (const path of ['/', '/?color=red', '/checkout/cancel', '/checkout/success?session_id=cs_test_nobodyhasthis', '/no-such-page']) {
    test(`nothing jumps on a slow line: ${path}, ${size}`, async ({ page, shop }) => {
      await page.setViewportSize(viewport);
      await expectNoLayoutShiftOnASlowLine(page, shop, path);
    });
  }

  test(`nothing jumps on a slow line: an order, ${size}`, async ({ page, shop, email }) => {
    await page.setViewportSize(viewport);
    const storefront = await new Storefront(page).open();
    await (await storefront.goToPayment('Honey Khaki', email)).pay('card');
    await orderNumber(page);
    await expectNoLayoutShiftOnASlowLine(page, shop, page.url().slice(shop.url.length));
  });
}

test('the way to pay is in sight: on a phone without hunting, on a desktop with the object beside it', async ({ page }) => {
  const button = page.getByRole('button', { name: /^Pre-order/ });
  await page.setViewportSize(SIZES.desktop);
  await page.goto('/');
  await expect(page.locator('form[data-awake]')).toBeVisible();
  await expect(button).toBeInViewport();
  await expect(page.locator('.stage').first()).toBeInViewport();

  await page.setViewportSize(SIZES.phone);
  await page.reload();
  await expect(button).toBeInViewport();
});
