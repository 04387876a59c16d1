// The whole purchase without a pointer, and always knowing where one is.

import { type Page } from '@playwright/test';
import { Payment, Storefront, orderNumber } from '../support/pages.ts';
import { expect, test } from '../support/test.ts';

/** Tab until `selector` has the focus; each stop on the way must be seen to have it. */
async function tabTo(page: Page, selector: string): Promise<void> {
  for (let stops = 0; stops < 60; stops += 1) {
    await page.keyboard.press('Tab');
    const here = await page.evaluate((wanted) => {
      const element = document.activeElement;
      if (!element || element === document.body) return { found: false, seen: true, what: 'nothing' };
      // A control may be drawn by what stands around or beside it.
      const drawn = [element, element.closest('label'), element.nextElementSibling].filter((e) => e !== null);
      const seen = drawn.some((e) => {
        const style = getComputedStyle(e);
        return (style.outlineStyle !== 'none' && parseFloat(style.outlineWidth) > 0) || style.boxShadow !== 'none';
      });
      return { found: element.matches(wanted), seen, what: element.outerHTML.slice(0, 120) };
    }, selector);
    expect(here.seen, `focus is visible on ${here.what}`).toBe(true);
    if (here.found) return;
  }
  throw new Error(`no way by Tab to ${selector}`);
}

test('look, choose and pay by keys alone', async ({ page, records, email }) => {
  const shop = await new Storefront(page).open();
  await page.keyboard.press('Tab');
  await expect(page.getByRole('link', { name: 'Skip to content' })).toBeFocused();
  await page.keyboard.press('Enter');
  await expect(page).toHaveURL(/#main$/);

  await tabTo(page, 'input[name=color]');
  await expect(shop.radio('Honey Khaki')).toBeFocused();
  await page.keyboard.press('ArrowDown');
  await page.keyboard.press('ArrowDown');
  await expect(shop.radio('Healing Green')).toBeChecked();
  await tabTo(page, '#email');
  await page.keyboard.type(email);
  await tabTo(page, 'button[type=submit]');
  await expect(shop.button).toBeFocused();
  await page.keyboard.press('Enter');

  await Payment.arrived(page);
  const pay = page.getByRole('button', { name: /4242 4242/ });
  for (let stops = 0; stops < 30 && !(await pay.evaluate((button) => button === document.activeElement)); stops += 1) {
    await page.keyboard.press('Tab');
  }
  await expect(pay).toBeFocused();
  await page.keyboard.press('Enter');
  await orderNumber(page);
  expect(await records.preordersOf(email)).toMatchObject([{ color: 'Healing Green', status: 'paid' }]);
});

test('Enter in the address sends the form', async ({ page, email }) => {
  const shop = await new Storefront(page).open();
  await shop.email.fill(email);
  await shop.email.press('Enter');
  await Payment.arrived(page);
});
