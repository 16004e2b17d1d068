//! A tenant's disclosure log, read from outside: through the API server, and believed only as far as it is signed.

mod audit;
mod held;
mod proxy;

pub use audit::Audit;
pub use held::{Held, Kept};
pub use proxy::Proxy;
