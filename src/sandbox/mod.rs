//! Stand-ins for Stripe and Klaviyo on a loopback listener of their own.
