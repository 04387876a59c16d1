// What the merchant has in the end, read from the store and not through the shop.

import pg from 'pg';
import { Documents } from './documents.ts';
import { type Shop, firestore } from './shop.ts';

export interface Preorder {
  id: string;
  email: string;
  color: string;
  status: string;
  session_id: string;
  amount_minor: string;
  currency: string;
  preorder_number: string;
  shipping_address: unknown;
  livemode: boolean;
  needs_review: boolean;
}

export interface WebhookLog {
  event: string;
  status: string;
  stripe_event_id: string;
  preorder_id: string | null;
  klaviyo_event_sent: boolean;
  error: string | null;
  attempts: number;
}

export interface Records {
  close(): Promise<void>;
  preordersOf(email: string): Promise<Preorder[]>;
  logsOf(preorderId: string): Promise<WebhookLog[]>;
  /** What only a merchant's hand or time does to an order; `change` is SQL after `set`. */
  change(number: string, change: string): Promise<void>;
}

export function recordsOf(shop: Shop): Records {
  return firestore ? new Documents(firestore, shop.project) : new Rows(shop.databaseUrl);
}

class Rows implements Records {
  private readonly pool: pg.Pool;

  constructor(url: string) {
    this.pool = new pg.Pool({ connectionString: url, max: 2 });
    // PostgreSQL stops with the shop; a connection that is idle by then is no fault.
    this.pool.on('error', () => {});
  }

  async close(): Promise<void> {
    await this.pool.end();
  }

  async preordersOf(email: string): Promise<Preorder[]> {
    const answer = await this.pool.query<Preorder>('select * from preorders where email = $1 order by created_at', [email]);
    return answer.rows;
  }

  async change(number: string, change: string): Promise<void> {
    await this.pool.query(`update preorders set ${change} where preorder_number = $1`, [number]);
  }

  async logsOf(preorderId: string): Promise<WebhookLog[]> {
    const answer = await this.pool.query<WebhookLog>(
      'select * from webhook_logs where preorder_id = $1 order by received_at, id',
      [preorderId],
    );
    return answer.rows;
  }
}
