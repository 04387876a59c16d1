// The sandbox's own controls: what Klaviyo was told, what Stripe delivered, and what should go wrong.

export interface Fault {
  error_rate?: number;
  status?: number;
  latency_ms?: number;
  hang_rate?: number;
  record_then_error_rate?: number;
}

export interface DeliveryFault {
  duplicate_rate?: number;
  drop_rate?: number;
  shuffle?: boolean;
  delay_ms?: number;
}

export type Json = Record<string, any>;

export class Sandbox {
  constructor(readonly url: string) {}

  async faults(faults: { stripe?: Fault; klaviyo?: Fault; delivery?: DeliveryFault }): Promise<void> {
    await this.call('POST', '/sandbox/faults', faults);
  }

  async noFaults(): Promise<void> {
    await this.call('DELETE', '/sandbox/faults');
  }

  /** What Klaviyo recorded that names `text` (an address, a preorder number), in order. */
  async klaviyoEvents(text: string): Promise<Json[]> {
    return rows(await this.call('GET', '/sandbox/klaviyo/events')).filter((event) => JSON.stringify(event).includes(text));
  }

  async deliveries(): Promise<Json[]> {
    return rows(await this.call('GET', '/sandbox/stripe/deliveries'));
  }

  /** Checkout sessions for one address, as Stripe's own API lists them. */
  async sessionsOf(email: string): Promise<Json[]> {
    const all = rows(await this.call('GET', '/v1/checkout/sessions?limit=100'));
    return all.filter((session) => session['customer_email'] === email || session['customer_details']?.email === email);
  }

  async session(id: string): Promise<Json> {
    return (await this.call('GET', `/v1/checkout/sessions/${id}`)) as Json;
  }

  /** Pays without the page. */
  async pay(session: string): Promise<void> {
    await this.call('POST', `/sandbox/stripe/sessions/${session}/pay`, { card: '4242424242424242' });
  }

  /** The outcome of a delayed payment, now: what the payment page's own buttons do. */
  async settle(session: string, outcome: 'succeed' | 'fail'): Promise<void> {
    const answer = await fetch(`${this.url}/c/pay/${session}`, {
      method: 'POST',
      redirect: 'manual',
      headers: { 'content-type': 'application/x-www-form-urlencoded' },
      body: `pay=settle:${outcome}`,
    });
    if (answer.status >= 400) throw new Error(`settling ${session}: ${answer.status}`);
  }

  async call(method: string, path: string, body?: unknown): Promise<unknown> {
    const answer = await fetch(this.url + path, {
      method,
      headers: { authorization: 'Bearer sk_test_sandbox', ...(body === undefined ? {} : { 'content-type': 'application/json' }) },
      body: body === undefined ? undefined : JSON.stringify(body),
    });
    const text = await answer.text();
    if (!answer.ok) throw new Error(`${method} ${path}: ${answer.status} ${text}`);
    return text === '' ? undefined : JSON.parse(text);
  }
}

/** Lists come bare or, like Stripe's, in an envelope. */
function rows(answer: unknown): Json[] {
  if (Array.isArray(answer)) return answer;
  for (const value of Object.values((answer ?? {}) as Json)) {
    if (Array.isArray(value)) return value;
  }
  throw new Error(`not a list: ${JSON.stringify(answer).slice(0, 200)}`);
}
