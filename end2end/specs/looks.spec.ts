// A picture of every designed state, to look at (test-results/looks); and what can be said of all of them without looking: nothing to
// scroll sideways, nothing cut off, the way to pay in sight. Fonts differ from machine to machine, so no pixels are compared.

import { type Page } from '@playwright/test';
import { STATES } from '../support/states.ts';
import { expect, expectNoLayoutShift, test } from '../support/test.ts';

test.use({ expectedConsole: [/Failed to load resource/] });

const SIZES = { phone: { width: 360, height: 740 }, desktop: { width: 1280, height: 800 } };

for (const [size, viewport] of Object.entries(SIZES)) {
  for (const [name, enter] of Object.entries(STATES)) {
    test(`${name}, ${size}`, async ({ page, sandbox, email }) => {
      await page.setViewportSize(viewport);
      await page.emulateMedia({ colorScheme: 'light' });
      await enter({ page, sandbox, email });
      await expectNothingCutOff(page);
      await expectNoLayoutShift(page);
      for (const colorScheme of ['light', 'dark'] as const) {
        await page.emulateMedia({ colorScheme, reducedMotion: 'reduce' });
        await page.screenshot({
          path: `test-results/looks/${name.replaceAll(/\W+/g, '-')}-${size}-${colorScheme}.png`,
          fullPage: true,
          animations: 'disabled',
        });
      }
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

async function expectNothingCutOff(page: Page): Promise<void> {
  const { wide, scrolls } = await page.evaluate(() => {
    const width = document.documentElement.clientWidth;
    const wide = [...document.querySelectorAll('body *')]
      .filter((element) => {
        const box = element.getBoundingClientRect();
        // What is hidden on purpose (a skip link, text for screen readers) is not cut off.
        return box.width > 1 && box.height > 1 && box.right > width + 1 && getComputedStyle(element).position !== 'absolute';
      })
      .map((element) => element.outerHTML.slice(0, 100));
    return { wide, scrolls: document.documentElement.scrollWidth > width };
  });
  expect(scrolls, `something is wider than the page: ${wide.join(' | ')}`).toBe(false);
}
