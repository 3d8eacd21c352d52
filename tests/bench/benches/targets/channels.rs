//! Queues and channels of others.

use std::{hint::spin_loop, sync::Arc};

/// A queue, one way.
pub(crate) trait Channel: 'static {
    type Sender<T: Send + 'static>: Clone + Send;
    type Receiver<T: Send + 'static>: Send;

    fn open<T: Send + 'static>(limit: usize) -> (Self::Sender<T>, Self::Receiver<T>);
    fn push<T: Send + 'static>(to: &Self::Sender<T>, value: T);
    fn try_pop<T: Send + 'static>(from: &Self::Receiver<T>) -> Option<T>;
    fn pop<T: Send + 'static>(from: &Self::Receiver<T>) -> T;
}

/// Channels that all have the same methods, more or less.
macro_rules! channels {
    ($($(#[$doc:meta])* $name:ident: $($krate:ident)::+, $sender:ident, $limit:ident -> $open:expr,
       $got:ident -> $value:expr;)*) => {$(
        $(#[$doc])*
        pub(crate) struct $name;

        impl Channel for $name {
            type Sender<T: Send + 'static> = $($krate)::+::$sender<T>;
            type Receiver<T: Send + 'static> = $($krate)::+::Receiver<T>;

            fn open<T: Send + 'static>($limit: usize) -> (Self::Sender<T>, Self::Receiver<T>) {
                $open
            }

            #[inline]
            fn push<T: Send + 'static>(to: &Self::Sender<T>, value: T) {
                assert!(to.send(value).is_ok(), "the other end is there");
            }

            #[inline]
            fn try_pop<T: Send + 'static>(from: &Self::Receiver<T>) -> Option<T> {
                let $got = from.try_recv().ok();
                $value
            }

            #[inline]
            fn pop<T: Send + 'static>(from: &Self::Receiver<T>) -> T {
                from.recv().expect("the other end is there")
            }
        }
    )*};
}

channels! {
    Crossbeam: crossbeam_channel, Sender, limit -> crossbeam_channel::bounded(limit), got -> got;
    CrossbeamUnbounded: crossbeam_channel, Sender, _limit -> crossbeam_channel::unbounded(),
        got -> got;
    Flume: flume, Sender, limit -> flume::bounded(limit), got -> got;
    FlumeUnbounded: flume, Sender, _limit -> flume::unbounded(), got -> got;
    Kanal: kanal, Sender, limit -> kanal::bounded(limit), got -> got.flatten();
    KanalUnbounded: kanal, Sender, _limit -> kanal::unbounded(), got -> got.flatten();
    Mpsc: std::sync::mpsc, Sender, _limit -> std::sync::mpsc::channel(), got -> got;
    MpscSync: std::sync::mpsc, SyncSender, limit -> std::sync::mpsc::sync_channel(limit),
        got -> got;
}

/// Queues without a way to wait: that is spinning.
macro_rules! queues {
    ($($name:ident: $queue:ident, $limit:ident -> $open:expr, $pushed:ident -> $check:expr;)*) => {$(
        pub(crate) struct $name;

        impl Channel for $name {
            type Sender<T: Send + 'static> = Arc<crossbeam_queue::$queue<T>>;
            type Receiver<T: Send + 'static> = Arc<crossbeam_queue::$queue<T>>;

            fn open<T: Send + 'static>($limit: usize) -> (Self::Sender<T>, Self::Receiver<T>) {
                let queue = Arc::new($open);
                (Arc::clone(&queue), queue)
            }

            #[inline]
            fn push<T: Send + 'static>(to: &Self::Sender<T>, value: T) {
                let $pushed = to.push(value);
                $check
            }

            #[inline]
            fn try_pop<T: Send + 'static>(from: &Self::Receiver<T>) -> Option<T> {
                from.pop()
            }

            #[inline]
            fn pop<T: Send + 'static>(from: &Self::Receiver<T>) -> T {
                loop {
                    match from.pop() {
                        Some(value) => return value,
                        None => spin_loop(),
                    }
                }
            }
        }
    )*};
}

queues! {
    ArrayQueue: ArrayQueue, limit -> crossbeam_queue::ArrayQueue::new(limit),
        pushed -> assert!(pushed.is_ok(), "there is room");
    SegQueue: SegQueue, _limit -> crossbeam_queue::SegQueue::new(), pushed -> pushed;
}
