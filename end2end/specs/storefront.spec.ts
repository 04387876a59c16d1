// The page that sells: what follows the choice, what is said about the address and when, what the merchant may count.

import { COLORS, Payment, Storefront } from '../support/pages.ts';
import { expect, expectNoLayoutShift, test } from '../support/test.ts';

test('the choice is in the picture, the button and the URL, and outlives a reload', async ({ page }) => {
  const shop = await new Storefront(page).open();
  const stage = page.locator('[data-color]').first();
  // The first is chosen already, so it comes last.
  for (const color of [...COLORS.slice(1), COLORS[0]]) {
    await shop.choose(color);
    const slug = color.toLowerCase().replace(' ', '-');
    await expect(stage).toHaveAttribute('data-color', slug);
    expect(new URL(page.url()).searchParams.get('color')).toBe(slug);
    await expect(shop.button).toHaveText(/^Pre-order for \$/);
  }
  await shop.choose('Moonlight Grey');
  await page.reload();
  await shop.awake();
  await expect(shop.radio('Moonlight Grey')).toBeChecked();
  await expect(shop.page.getByRole('radio')).toHaveCount(COLORS.length);
  await expectNoLayoutShift(page);
});

test('a link to a color opens with it', async ({ page }) => {
  const shop = await new Storefront(page).open('/?color=healing-green');
  await expect(shop.radio('Healing Green')).toBeChecked();
});

test('an address is judged once the field was left, then with every key', async ({ page }) => {
  const shop = await new Storefront(page).open();
  const fault = page.locator('#email-error');
  await shop.email.pressSequentially('jo@exam');
  await expect(fault).toBeEmpty();
  await shop.email.blur();
  await expect(fault).toContainText('The part after the @ is not complete');
  await expect(shop.email).toHaveAttribute('aria-invalid', 'true');
  await expect(shop.email).toHaveAccessibleDescription(/The part after the @/);
  await shop.email.focus();
  await page.keyboard.press('End');
  await page.keyboard.type('ple.com');
  await expect(fault).toBeEmpty();
  await expect(shop.email).not.toHaveAttribute('aria-invalid', 'true');
});

test('nothing is sent while the form is incomplete, and the cursor goes to what is missing', async ({ page }) => {
  const shop = await new Storefront(page).open();
  let posts = 0;
  page.on('request', (request) => {
    if (request.method() === 'POST') posts += 1;
  });
  await shop.choose('Red');
  await shop.button.click();
  await expect(page.locator('#email-error')).toContainText('Enter the email address');
  await expect(shop.email).toBeFocused();
  expect(posts).toBe(0);
});

test('without consent nothing is counted; with it, what a customer did and never who', async ({ page, email }) => {
  const shop = await new Storefront(page).open();
  await shop.choose('Red');
  expect(await page.evaluate(() => 'dataLayer' in window)).toBe(false);

  await page.evaluate(() => localStorage.setItem('rolitt-consent', 'granted'));
  await page.reload();
  await shop.awake();
  await page.evaluate(() => {
    addEventListener('rolitt:analytics', (event) => {
      const told = JSON.parse(sessionStorage.getItem('told') ?? '[]');
      sessionStorage.setItem('told', JSON.stringify([...told, (event as CustomEvent).detail]));
    });
  });
  await shop.fill('Sakura Pink', email);
  await shop.button.click();
  await Payment.arrived(page);
  await page.goBack();
  const told = JSON.parse((await page.evaluate(() => sessionStorage.getItem('told'))) ?? '[]');
  expect(told.map((message: { event: string }) => message.event)).toEqual(['select_item', 'begin_checkout']);
  expect(told[1].ecommerce).toMatchObject({ currency: 'USD', items: [{ item_variant: 'Sakura Pink', quantity: 1 }] });
  expect(JSON.stringify(told)).not.toContain(email);
});

test('an address that leads nowhere says so', async ({ page, shop }) => {
  test.info().annotations.push({ type: 'why', description: 'a 404 is a console error of its own in Chromium' });
  const answer = await page.request.get(`${shop.url}/no-such-page`);
  expect(answer.status()).toBe(404);
  expect(await answer.text()).toContain('There is no page here');
});
