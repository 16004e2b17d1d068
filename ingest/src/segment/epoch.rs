//! Which epoch key a segment is sealed to, pure.

use camerafleet_footage::shard::EpochKeyConfig;

/// The choice.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Choice<'a> {
    /// The key whose epoch contains the time.
    Current(&'a EpochKeyConfig),
    /// There is none such: the pod goes on with the newest one that has begun, and says so.
    Stale(&'a EpochKeyConfig),
    /// No key at all.
    None,
}

/// Chooses for a segment that opens at `at` (Unix seconds).
pub fn choose(keys: &[EpochKeyConfig], at: i64) -> Choice<'_> {
    let end = |key: &EpochKeyConfig| key.start.saturating_add(i64::try_from(key.length).unwrap_or(i64::MAX));
    // Of two that contain the time (the length was changed) the later made one is the present policy's.
    if let Some(key) = keys.iter().filter(|key| key.start <= at && at < end(key)).max_by_key(|key| key.start)
    {
        return Choice::Current(key);
    }
    let begun = keys.iter().filter(|key| key.start <= at).max_by_key(|key| key.start);
    match begun.or_else(|| keys.iter().min_by_key(|key| key.start)) {
        Some(key) => Choice::Stale(key),
        None => Choice::None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use camerafleet_footage::shard::PublicKeyConfig;

    fn key(start: i64, length: u64) -> EpochKeyConfig {
        EpochKeyConfig {
            start,
            length,
            key: PublicKeyConfig { name: format!("epoch-p-{start}-{length}"), pem: String::new() },
        }
    }

    #[test]
    fn the_key_of_the_time_else_the_newest_begun_else_the_nearest() {
        let keys = [key(0, 3_600), key(3_600, 3_600), key(7_200, 3_600)];
        for (at, want) in [
            (0, Choice::Current(&keys[0])),
            (3_599, Choice::Current(&keys[0])),
            (3_600, Choice::Current(&keys[1])),
            (10_799, Choice::Current(&keys[2])),
            (10_800, Choice::Stale(&keys[2])),
            (-1, Choice::Stale(&keys[0])),
        ] {
            assert_eq!(choose(&keys, at), want, "{at}");
        }
        assert_eq!(choose(&[], 0), Choice::None);
        let changed = [key(0, 86_400), key(3_600, 3_600)];
        assert_eq!(choose(&changed, 4_000), Choice::Current(&changed[1]));
        assert_eq!(choose(&changed, 8_000), Choice::Current(&changed[0]));
    }
}
