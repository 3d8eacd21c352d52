//! What the models of the message core share. Empty but in a build for model checking, with
//! `--cfg loom`: `scripts/check-models` makes one.
#![cfg(loom)]

mod ports;
pub mod sync;
mod waits;

use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering::Relaxed},
};

use loom::{alloc::Track, cell::UnsafeCell};

pub use ports::{Alone, Elsewhere, Shelf, Target, Then, once};
pub use waits::{Interrupting, Park, block_on};

/// True where the named step of a service is to be left out.
pub fn left_out(name: &str) -> bool {
    static NAME: std::sync::OnceLock<String> = std::sync::OnceLock::new();
    NAME.get_or_init(|| std::env::var("AGENT_MUTATION").unwrap_or_default()) == name
}

/// Tries every order of events of `run` that has no more than so many preemptions.
pub fn model(preemptions: usize, run: impl Fn() + Send + Sync + 'static) {
    let mut builder = loom::model::Builder::new();
    builder.preemption_bound = Some(preemptions);
    builder.max_branches = 2_000;
    let orders = Arc::new(AtomicUsize::new(0));
    let count = orders.clone();
    builder.check(move || {
        count.fetch_add(1, Relaxed);
        run();
    });
    println!("{} orders", orders.load(Relaxed));
}

/// What a message asks: a word that its holder has alone, and that is freed once. An access by
/// two at a time fails, and so does one after the end, or no end at all.
pub struct Body {
    word: UnsafeCell<u32>,
    _alive: Track<()>,
}

impl Body {
    /// A body that says `word`.
    pub fn new(word: u32) -> Body {
        Body { word: UnsafeCell::new(word), _alive: Track::new(()) }
    }

    /// What it says.
    pub fn get(&self) -> u32 {
        // SAFETY: the holder's, as the model checks.
        self.word.with(|word| unsafe { *word })
    }

    /// Says something else.
    pub fn set(&mut self, word: u32) {
        // SAFETY: as above.
        self.word.with_mut(|place| unsafe { *place = word });
    }
}

impl Drop for Body {
    fn drop(&mut self) {
        if !std::thread::panicking() {
            self.set(0);
        }
    }
}
