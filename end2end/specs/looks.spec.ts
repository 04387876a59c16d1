// A picture of every designed state, to look at; and what can be said of all of them without looking: nothing to scroll sideways,
// nothing that jumps, the way to pay in sight.

import { SIZES, expectNothingCutOff, picture } from '../support/inspect.ts';
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
