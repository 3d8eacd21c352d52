//! What can be seen of the model between two steps.

use crate::{
    model::{Message, Model, Place, Port},
    script::{Key, Kind, PortState, Snapshot},
};

impl Model {
    /// The message that an inbox gives next. Those that were completed at once are in order, and
    /// so are those that came late; between the two, and within one step, it is left open.
    pub(crate) fn next_of(&self, inbox: usize) -> Option<Key> {
        let there = |wanted: bool| {
            let of = move |m: &Message| match m.place {
                Place::Inbox { inbox: at, batch, at_once } if at == inbox && at_once == wanted => {
                    Some((!m.priority, batch))
                }
                _ => None,
            };
            let there = self.messages.iter().filter_map(move |(key, m)| Some((of(m)?, *key)));
            let there: Vec<_> = there.collect();
            let first = there.iter().map(|(order, _)| *order).min();
            there.into_iter().filter(move |(order, _)| Some(*order) == first)
        };
        let firsts: Vec<_> = there(false).chain(there(true)).collect();
        let lane = firsts.iter().map(|((later, _), _)| *later).min()?;
        let mut may = firsts.into_iter().filter(|(order, _)| order.0 == lane).map(|(_, key)| key);
        let any = may.clone().next();
        may.find(|key| Some(*key) == self.choice).or(any)
    }

    pub(crate) fn snapshot(&self) -> Snapshot {
        let kept = self.messages.iter().filter_map(|(key, m)| match m.place {
            Place::Kept(holder) => Some((*key, holder, m.aborted)),
            _ => None,
        });
        Snapshot {
            alive: self.messages.keys().copied().filter(|key| self.is_alive(*key)).collect(),
            mine: self.mine(),
            kept: kept.collect(),
            futures: self.futures.iter().map(|key| (*key, !self.messages[key].is_away())).collect(),
            tickets: self.tickets.iter().map(|ticket| self.is_over(*ticket)).collect(),
            outstanding: self.inboxes.iter().map(|inbox| inbox.outstanding).collect(),
            ports: self.ports.iter().map(Port::state).collect(),
            now: self.now,
        }
    }

    fn is_over(&self, (key, send): (Key, u32)) -> bool {
        let message = &self.messages[&key];
        message.sends > send || (message.sends == send && !message.is_away())
    }
}

impl Port {
    fn state(&self) -> PortState {
        let queues = !matches!(self.kind, Kind::Driver { .. });
        PortState {
            waiting: if queues { self.queue.len() } else { 0 },
            failed: self.failed,
            refused: self.refused,
            cancelled: self.cancelled,
        }
    }
}
