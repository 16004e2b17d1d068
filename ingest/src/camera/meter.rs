//! How much memory a camera's session holds that is not ours yet: the RTSP library puts no bound on an answer's length,
//! on headers, or on a frame that never ends, and a camera that sends without end must cost its own recording only.
//!
//! The allocator counts what each thread takes and gives back; the difference over each time that the library is polled
//! is the session's. So the bound holds to within what arrives in one poll, and a poll is given few reads: an eighth of what tokio allows a task before others have their turn. The library's own work on what
//! it has read, as looking for a header's end, is so interrupted, too.

use std::{cell::OnceCell, future::poll_fn, pin::pin, task::Poll};

use tikv_jemalloc_ctl::thread::{self, ThreadLocal};

/// Tokio's for one poll of a task.
const BUDGET: usize = 128;

thread_local! {
    static COUNTERS: OnceCell<Option<[ThreadLocal<u64>; 2]>> = const { OnceCell::new() };
}

/// The bound was passed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TooMuch;

/// Counts for one session.
#[derive(Debug)]
pub struct Meter {
    most: i64,
    held: i64,
}

impl Meter {
    /// For a bound of `most` bytes.
    pub fn new(most: usize) -> Self {
        Self { most: i64::try_from(most).unwrap_or(i64::MAX), held: 0 }
    }

    /// Runs `work` to its end, or until what it holds since the last [`reset`](Self::reset) is more than the bound.
    /// Dropping the future loses no count.
    pub async fn watch<T>(&mut self, work: impl Future<Output = T>) -> Result<T, TooMuch> {
        let mut work = pin!(work);
        poll_fn(|context| {
            for _ in 0..BUDGET / 8 * 7 {
                // Pending only if the budget is used up; then the task is woken again with a new one.
                if pin!(tokio::task::coop::consume_budget()).poll(context).is_pending() {
                    return Poll::Pending;
                }
            }
            let before = taken();
            let polled = work.as_mut().poll(context);
            self.held = self.held.saturating_add(taken().wrapping_sub(before));
            match polled {
                Poll::Ready(done) => Poll::Ready(Ok(done)),
                Poll::Pending if self.held > self.most => Poll::Ready(Err(TooMuch)),
                Poll::Pending => Poll::Pending,
            }
        })
        .await
    }

    /// What was held has been handed on.
    pub fn reset(&mut self) {
        self.held = 0;
    }
}

/// Bytes that this thread has taken and not given back; it may have given back another's.
fn taken() -> i64 {
    COUNTERS.with(|counters| {
        let read = || Some([thread::allocatedp::read().ok()?, thread::deallocatedp::read().ok()?]);
        let Some([allocated, deallocated]) = counters.get_or_init(read) else { return 0 };
        allocated.get().wrapping_sub(deallocated.get()).cast_signed()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn what_is_held_counts_and_what_is_given_back_does_not() {
        let mut meter = Meter::new(1 << 20);
        let held = meter.watch(async {
            let mut all = Vec::new();
            for _ in 0..100 {
                all.push(vec![1_u8; 64 << 10]);
                tokio::task::yield_now().await;
            }
            all.len()
        });
        assert_eq!(held.await, Err(TooMuch));

        meter.reset();
        let passed_on = meter.watch(async {
            for _ in 0..100 {
                drop(vec![1_u8; 64 << 10]);
                tokio::task::yield_now().await;
            }
        });
        assert_eq!(passed_on.await, Ok(()));
    }
}
