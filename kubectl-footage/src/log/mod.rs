//! A tenant's disclosure log, read from outside: through the API server, and believed only as far as it is signed.

mod held;
mod proxy;

pub use held::{Held, Kept};
pub use proxy::Proxy;
