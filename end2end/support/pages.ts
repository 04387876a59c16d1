// The shop's pages as a customer knows them: by what they are called, not by how they are made.

import { type Locator, type Page, expect } from '@playwright/test';

export const COLORS = ['Honey Khaki', 'Sakura Pink', 'Healing Green', 'Moonlight Grey', 'Red'] as const;
export type Color = (typeof COLORS)[number];

/** The sandbox's ways to pay, as its buttons say them. */
export const PAY = {
  card: 'Pay with 4242 4242 4242 4242',
  declined: 'Decline: 4000 0000 0000 0002',
  authenticate: 'Authenticate: 4000 0025 0000 3155',
  delayedSucceeds: 'Pay later, succeeds',
  delayedFails: 'Pay later, fails',
} as const;

export const NUMBER = /ROL-[0-9A-HJKMNP-TV-Z]{8}/;

export class Storefront {
  readonly email: Locator;
  readonly button: Locator;
  readonly alert: Locator;

  constructor(readonly page: Page) {
    this.email = page.getByRole('textbox', { name: 'Email' });
    this.button = page.getByRole('button', { name: /^Pre-order/ });
    this.alert = page.getByRole('alert');
  }

  /** Opens the shop and waits until the island is awake. */
  async open(path = '/'): Promise<this> {
    await this.page.goto(path);
    await this.awake();
    return this;
  }

  async awake(): Promise<void> {
    await expect(this.page.locator('form[data-awake]')).toBeVisible();
  }

  radio(color: Color): Locator {
    return this.page.getByRole('radio', { name: new RegExp(`^${color}`) });
  }

  /** As a pointer does it: on the label, for the circle itself may be drawn by it. */
  async choose(color: Color): Promise<void> {
    await this.page.locator('label', { has: this.radio(color) }).click();
    await expect(this.radio(color)).toBeChecked();
  }

  /** A way to pay, where there is a choice. */
  way(name: 'Card and more' | 'Bank transfer'): Locator {
    return this.page.getByRole('radio', { name: new RegExp(`^${name}`) });
  }

  async fill(color: Color, email: string): Promise<void> {
    await this.choose(color);
    await this.email.fill(email);
  }

  /** Chooses, types, clicks, and is at the payment page. */
  async goToPayment(color: Color, email: string): Promise<Payment> {
    await this.fill(color, email);
    await this.button.click();
    return await Payment.arrived(this.page);
  }
}

export class Payment {
  private constructor(
    readonly page: Page,
    readonly session: string,
  ) {}

  static async arrived(page: Page): Promise<Payment> {
    await page.waitForURL(/\/c\/pay\/cs_[A-Za-z0-9_]+/);
    const session = /\/c\/pay\/(cs_[A-Za-z0-9_]+)/.exec(page.url())?.[1] ?? '';
    return new Payment(page, session);
  }

  async pay(way: keyof typeof PAY): Promise<void> {
    await this.page.getByRole('button', { name: PAY[way] }).click();
  }

  /** What the bank asks before a card of that kind pays. */
  async authenticate(answer: 'Approve' | 'Fail'): Promise<void> {
    await this.page.getByRole('button', { name: `${answer} authentication` }).click();
  }

  async goBack(): Promise<void> {
    await this.page.getByRole('link', { name: 'Back to the shop' }).click();
  }
}

/** The preorder's number on the return page. */
export async function orderNumber(page: Page): Promise<string> {
  await page.waitForURL(/\/checkout\/success\?/);
  const main = page.getByRole('main');
  await expect(main).toContainText(NUMBER);
  return NUMBER.exec(await main.innerText())?.[0] ?? '';
}
